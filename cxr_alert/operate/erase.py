"""Erase a film and all data derived from it, in the application and on site.

Every step can be repeated, so after an interruption the same command can be typed again. Versions
of the film are erased first: without a film nothing is screened again. The records are erased last,
since they lead to whatever is left; when a record ends, the worklist erases its entry once more.
"""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import boto3

from cxr_alert.operate.application import Application
from screening.clock import now
from screening.errors import Failure
from screening.film_name import film_name
from screening.record import AlertState, Record
from screening.rendition import rendition_key
from worklist.tables.reviews_table import ReviewsTable
from worklist.tables.worklist_table import WorklistTable

if TYPE_CHECKING:
    from intake.identities import Identities

_AT_ONCE = 1000  # objects in a request, the most that S3 accepts
_FOUND_AGAIN = 3  # repeated for versions that arrive during the erasure


@dataclass(frozen=True)
class Left:
    """The amounts of data about a film, before or after the erasure."""

    versions: int
    delete_markers: int
    renditions: int
    records: int
    worklist_entries: int
    reviews: int
    identities: int

    @property
    def any(self) -> bool:
        return any(getattr(self, each.name) for each in fields(self))


@dataclass(frozen=True)
class _Version:
    version_id: str
    marker: bool
    placeholder: bool  # an empty version that another followed; it gets no record


@dataclass(frozen=True)
class Film:
    """All data about one key."""

    key: str
    versions: tuple[_Version, ...]
    renditions: tuple[str, ...]
    records: tuple[Record, ...]
    entries: tuple[str, ...]  # by the film's name in the worklist
    reviews: int
    identities: int

    @property
    def left(self) -> Left:
        markers = sum(each.marker for each in self.versions)
        return Left(
            len(self.versions) - markers,
            markers,
            len(self.renditions),
            len(self.records),
            len(self.entries),
            self.reviews,
            self.identities,
        )

    @property
    def unfinished(self) -> int:
        """Return how many versions are being screened, or have an alert that is being sent."""
        known = {each.version for each in self.records}
        waiting = [
            each
            for each in self.versions
            if not (each.marker or each.placeholder or each.version_id == "null")
            and each.version_id not in known
        ]
        pending = [each for each in self.records if each.alert is AlertState.PENDING]
        return len(waiting) + len(pending)

    @property
    def names(self) -> list[str]:
        """Return the names of its versions in the worklist."""
        known = {each.version for each in self.records} | {
            each.version_id for each in self.versions if not each.marker
        }
        return sorted(film_name(self.key, each) for each in known)


@dataclass(frozen=True)
class Eraser:
    """Erases films; `identities` is the identity file of this site, if there is one."""

    application: Application
    identities: "Identities | None"

    def keys_of_study(self, uid: str) -> list[str]:
        """Return the keys of a study's films, by the hospital's study UID."""
        uids, keys = {uid}, set[str]()
        if self.identities:
            keys |= set(self.identities.keys_of_study(uid))
            uids |= {self.identities.derived(uid)}
        of_study = {
            record.key
            for record in self.application.screenings.all()
            if record.facts and record.facts.study_uid in uids
        }
        return sorted(keys | of_study)

    def find(self, key: str) -> Film:
        versions = tuple(self._versions(key))
        records = tuple(self.application.screenings.of_key(key))
        film = Film(key, versions, (), records, (), 0, 0)
        worklist, reviews = self._tables()
        return Film(
            key,
            versions,
            tuple(self._renditions(film)),
            records,
            tuple(each for each in film.names if worklist and worklist.find(each)),
            sum(len(reviews.of_film(each)) for each in film.names) if reviews else 0,
            self.identities.count(key) if self.identities else 0,
        )

    def erase(self, film: Film) -> None:
        """Erase everything; raise Failure if S3 keeps a version, and then keep the records."""
        self._erase_versions(film.key)
        self._delete("RenditionsBucketName", [{"Key": each} for each in film.renditions])
        worklist, reviews = self._tables()
        for name in film.names:
            if reviews:
                reviews.remove(name)
            if worklist:
                worklist.remove(name)
        for record in film.records:
            self.application.screenings.erase(record.key, record.version)
        if self.identities:
            self.identities.erase(film.key)

    def log(self, message: str, **more: object) -> None:
        """Log the erasure and its author in the functions' log, without naming the film."""
        sts: Any = boto3.client
        by = sts("sts").get_caller_identity()["Arn"]
        line = {"level": "INFO", "service": "erase", "message": message, "by": by, **more}
        group, logs = self.application.outputs["LogGroupName"], self.application.logs
        stream = f"erase/{uuid.uuid4()}"
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        at = int(now().timestamp() * 1000)
        logs.put_log_events(
            logGroupName=group,
            logStreamName=stream,
            logEvents=[{"timestamp": at, "message": json.dumps(line)}],
        )

    def _tables(self) -> tuple[WorklistTable | None, ReviewsTable | None]:
        """Return the worklist's tables, if its stack is deployed."""
        outputs, client = self.application.outputs, self.application.dynamodb
        if "ReviewsTableName" not in outputs:
            return None, None
        return (
            WorklistTable(client, outputs["WorklistTableName"]),
            ReviewsTable(client, outputs["ReviewsTableName"]),
        )

    def _versions(self, key: str) -> Iterator[_Version]:
        pages = self.application.s3.get_paginator("list_object_versions").paginate(
            Bucket=self.application.outputs["UploadsBucketName"], Prefix=key
        )
        for page in pages:
            for each in page.get("Versions", []):
                if each["Key"] == key:
                    placeholder = not each["Size"] and not each["IsLatest"]
                    yield _Version(each["VersionId"], marker=False, placeholder=placeholder)
            for marker in page.get("DeleteMarkers", []):
                if marker["Key"] == key:
                    yield _Version(marker["VersionId"], marker=True, placeholder=False)

    def _renditions(self, film: Film) -> Iterator[str]:
        """Yield the keys of the existing renditions."""
        made_of = {each.version_id for each in film.versions if not each.marker}
        made_of |= {each.same_as or each.version for each in film.records}
        for version in sorted(made_of):
            # Every name with this prefix, since a film may have more than one rendition.
            name = rendition_key(film.key, version).removesuffix(".png")
            listed = self.application.s3.list_objects_v2(
                Bucket=self.application.outputs["RenditionsBucketName"], Prefix=name
            )
            yield from (each["Key"] for each in listed.get("Contents", []))

    def _erase_versions(self, key: str) -> None:
        for _ in range(_FOUND_AGAIN):
            versions = list(self._versions(key))
            if not versions:
                return
            self._delete(
                "UploadsBucketName",
                [{"Key": key, "VersionId": each.version_id} for each in versions],
            )

    def _delete(self, bucket: str, objects: list[dict[str, str]]) -> None:
        kept: list[Any] = []
        for start in range(0, len(objects), _AT_ONCE):
            part: Any = {"Objects": objects[start : start + _AT_ONCE], "Quiet": True}
            answer = self.application.s3.delete_objects(
                Bucket=self.application.outputs[bucket], Delete=part
            )
            kept += answer.get("Errors", [])
        if kept:
            code = kept[0].get("Code", "unknown")
            raise Failure(
                f"S3 keeps {len(kept)} of {len(objects)} versions ({code}): the bucket has an "
                "object lock, or ErasurePolicyArn's policy is missing. The film's records were "
                "left, so that the same command finds the rest."
            )


def elsewhere(application: Application, *, on_site: bool) -> list[tuple[str, str]]:
    """Return where data about an erased film may remain, and for how long."""
    days = application.parameters.get
    found = [
        ("functions' log", f"{days('LogRetentionDays', '?')} days; the film's hash, no key"),
        ("tables' backups", "35 days; records, entries, reviews"),
        ("table's stream", "1 day; records"),
        ("queues", "14 days; the film's key, in messages that nobody read"),
        ("mails, text messages", "as their readers keep them; key, time, probability"),
        ("alerts' subscribers", "as they keep them; key, time, probability"),
        ("results", "as PACS, FHIR server and engine keep them"),
        ("drift, if deployed", "until 30 newer films came; backups 35 days; the key"),
        ("exports", "as you keep them: `export`, networks trained on them"),
    ]
    if "ReviewsTableName" in application.outputs:
        kept = days("AccessLogRetentionDays", "?")
        found.insert(1, ("worklist's access log", f"{kept} days; the film's hash and its readers"))
    if days("KeepTrail") == "yes":
        found.insert(1, ("CloudTrail's files", "without end; the film's key"))
    if not on_site:
        found.append(("gateway", "the identity file of `receive --keep-identity`"))
    return found
