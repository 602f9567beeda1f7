"""The ledger of uploads: whether each one got what the application promises."""

import json
from collections import Counter
from dataclasses import dataclass, field

from cxr_alert.local import watch
from cxr_alert.local.stack import Stack
from screening.judgement import Finding
from screening.record import Record
from screening.upload import read_upload

Film = tuple[str, str]  # key and version
DEAD_LETTERS = ("UploadsDeadLetterQueueUrl", "RenditionsDeadLetterQueueUrl")


@dataclass(frozen=True)
class Audit:
    """The faults found; each film counts once, in a dead-letter queue or not."""

    lost: set[Film]  # no placeholder, and neither a record nor a message in a dead-letter queue
    invented: set[Film]  # a record of what nobody dropped
    alerts_missing: set[Film]  # positive or rejected, not told of, not in a dead-letter queue
    alerts_unfounded: set[Film]  # normal, and told of
    rejects: set[Film]  # told of, as every film must be that nobody screened
    alerts_repeated: set[Film]  # more than once: allowed, since better than never
    dead: set[Film]  # in a dead-letter queue

    @property
    def sound(self) -> bool:
        return not (self.lost or self.invented or self.alerts_missing or self.alerts_unfounded)


@dataclass
class Ledger:
    """Audits a stack through its users' view: the table, a subscriber, the dead letters."""

    stack: Stack
    dropped: set[Film] = field(default_factory=set)
    alerts: Counter[Film] = field(default_factory=Counter)
    told: Counter[Film] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._screenings = watch.screenings(self.stack)
        self._programs = watch.subscribe(self.stack, "ledger-programs", "{}")
        self._people = watch.subscribe(self.stack, "ledger-people", "{}", watch.FOR_PEOPLE)

    def drop(self, key: str, body: bytes) -> Film:
        bucket = self.stack.outputs["UploadsBucketName"]
        version = self.stack.s3.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"]
        self.dropped.add((key, version))
        return key, version

    def records(self) -> dict[Film, Record]:
        return {(each.key, each.version): each for each in self._screenings.all()}

    def record(self, film: Film) -> Record | None:
        return self._screenings.find(*film)

    def placeholders(self) -> set[Film]:
        """Return the empty versions that another version followed, which are not films."""
        bucket = self.stack.outputs["UploadsBucketName"]
        pages = self.stack.s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
        return {
            (each["Key"], each["VersionId"])
            for page in pages
            for each in page.get("Versions", [])
            if each["Size"] == 0 and not each["IsLatest"]
        }

    def collect(self) -> None:
        """Receive what was sent to the subscribers since the last call."""
        while arrived := watch.receive(self.stack, self._programs):
            for alert in arrived:
                facts = json.loads(alert.message)
                self.alerts[facts["key"], facts["version"]] += 1
        while arrived := watch.receive(self.stack, self._people):
            for alert in arrived:
                facts = json.loads(alert.message)
                for film in facts.get("films", [facts]):
                    self.told[film["key"], film["version"]] += 1

    def dead(self) -> set[Film]:
        """Look at the dead letters without removing them."""
        return set().union(*map(self._dead_in, DEAD_LETTERS))

    def _dead_in(self, output: str) -> set[Film]:
        url = self.stack.outputs[output]
        films: set[Film] = set()
        handles: list[str] = []
        while found := self.stack.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60
        ).get("Messages"):
            for message in found:
                handles.append(message["ReceiptHandle"])
                if upload := read_upload(message["Body"]):
                    films.add((upload.key, upload.version))
        for handle in handles:
            self.stack.sqs.change_message_visibility(
                QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0
            )
        return films

    def audit(self) -> Audit:
        """Compare; the result can be complete only once the queues of films are empty."""
        self.collect()
        records = self.records()
        dead = self.dead()
        findings = {film: record.judgement.finding for film, record in records.items()}
        to_tell = {
            film
            for film, found in findings.items()
            # The alert of the version with the same bytes told of it too.
            if found is not Finding.NORMAL and not records[film].repeats
        }
        alerted = set(self.alerts) & set(self.told)
        return Audit(
            lost=self.dropped - set(records) - dead - self.placeholders(),
            invented=set(records) - self.dropped,
            alerts_missing=to_tell - alerted - dead,
            alerts_unfounded=(set(self.alerts) | set(self.told)) - to_tell,
            rejects={film for film in alerted if findings.get(film) is Finding.REJECTED},
            alerts_repeated={film for film, count in self.alerts.items() if count > 1},
            dead=dead,
        )
