"""`cxr-alert erase`: a film is erased completely, no other is, and nothing restores it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient

from aws.screenings_table import Screenings
from aws.uploads_bucket import Versions
from cxr_alert.program import main
from intake.identities import Identities, open_identities
from reconcile.compare import compare
from screening.facts import Facts
from screening.film_name import film_name
from screening.lost import Span
from screening.rendition import rendition_key
from tests import stacks
from tests.integration.classify_cloud import KEY, REGION, Cloud, Context, EndpointStub, Function
from tests.integration.test_worklist_table import _tables, review_of
from worklist.rules.entry import with_review
from worklist.tables.reviews_table import ReviewsTable
from worklist.tables.worklist_table import WorklistTable

FILM, OTHER = "intake/film.dcm", "intake/film.dcm.png"  # its key begins with that of the first one
STUDY = "1.2.826.0.1.3680043.8.498.771"


@dataclass
class Site:
    """The application with its worklist in moto, and the identity file on site."""

    cloud: Cloud
    screenings: Screenings
    entries: WorklistTable
    reviews: ReviewsTable
    identities: Identities
    capsys: pytest.CaptureFixture[str]

    def erase(self, *options: str) -> tuple[int, str, str]:
        self.capsys.readouterr()  # the functions print their metrics
        status = main(["erase", *options])
        said = self.capsys.readouterr()
        return status, said.out, said.err

    def with_identity(self, *options: str) -> tuple[int, str, str]:
        return self.erase(*options, "--keep-identity", str(self.identities.file))

    def left(self, key: str) -> dict[str, Any]:
        """Return the counts of `erase --json` without --yes; empty if nothing is left."""
        status, out, _ = self.with_identity(key, "--json")
        return json.loads(out)["films"][0] if status == 0 else {}

    def log(self) -> list[dict[str, Any]]:
        client: Any = boto3.client("logs", region_name=REGION)
        events = client.filter_log_events(logGroupName="functions")["events"]
        return [json.loads(each["message"]) for each in events]


@pytest.fixture
def site(
    function: Function, cloud: Cloud, endpoint: EndpointStub, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Site:  # fmt: skip
    endpoint.finds(0.93)
    entries, reviews = _tables("worklist")
    formation: Any = boto3.client("cloudformation", region_name=REGION)
    outputs = {
        "UploadsBucketName": cloud.bucket,
        "RenditionsBucketName": cloud.renditions_bucket,
        "ScreeningsTableName": cloud.table,
        "UploadsQueueUrl": cloud.queue,
        "UploadsBackfillQueueUrl": cloud.queue,
        "LogGroupName": "functions",
        "KeyArn": KEY,
    }
    stacks.deploy(formation, "cxr-alert", outputs, LogRetentionDays="30", KeepTrail="no")
    more = {"WorklistTableName": entries.table, "ReviewsTableName": reviews.table}
    stacks.deploy(formation, "cxr-alert-worklist", more, AccessLogRetentionDays="2192")
    logs: Any = boto3.client("logs", region_name=REGION)
    logs.create_log_group(logGroupName="functions")
    identities = open_identities(tmp_path / "identities", None, make=True)
    made = Site(cloud, function.services.screenings, entries, reviews, identities, capsys)
    for number, key in enumerate((FILM, OTHER)):
        for body in (b"\xff\xd8\xff\xe0 first", b"\xff\xd8\xff\xe0 corrected"):
            function.handler({"Records": [cloud.drop(key, body)]}, Context())
        _follow(made, key, f"{STUDY}{number or ''}")
    cloud.s3.delete_object(Bucket=cloud.bucket, Key=FILM)
    return made


def _follow(site: Site, key: str, study: str) -> None:
    """Add the data of render, worklist, readers and receiver."""
    for record in site.screenings.of_key(key):
        facts = Facts("DX", "window", study_uid=site.identities.derived(study))
        item = boto3.resource("dynamodb", region_name=REGION).Table(site.cloud.table)
        item.update_item(
            Key={"key": record.key, "version": record.version},
            UpdateExpression="SET facts = :facts",
            ExpressionAttributeValues={":facts": {k: v for k, v in vars(facts).items() if v}},
        )
        name = rendition_key(key, record.version)
        for each in (name, name.replace(".png", "-deep.png")):
            site.cloud.s3.put_object(Bucket=site.cloud.renditions_bucket, Key=each, Body=b"png")
        site.entries.enlist(record, Decimal(0))
        entry = site.entries.find(film_name(key, record.version))
        assert entry
        review = review_of(entry, "PNEUMONIA")
        site.reviews.add(review, site.entries.write(with_review(entry, review)))
        site.identities.put(key, record.version, site.identities.derived(study), b"Musterfrau")


def announced(site: Site) -> list[str]:
    """Return the keys of films that `reconcile` would have screened."""
    found: list[str] = []

    class Announcer:
        def announce(self, uploads: Any) -> None:
            found.extend(each.key for each in uploads)

    versions = Versions(site.cloud.s3, site.cloud.bucket)
    span = Span("2000", "3000")
    list(compare(versions, site.screenings, Announcer(), prefix="", within=span, waiting=0))
    return found


def test_it_lists_first_and_erases_only_the_named_film(site: Site) -> None:
    before = site.left(OTHER)
    status, out, _ = site.with_identity(FILM)
    assert status == 0
    assert "Nothing is erased without --yes." in out
    for line in (
        *("2  versions", "1  delete marker", "4  renditions", "2  records"),
        *("2  entries in the worklist", "2  reviews", "2  identities on this site"),
        *("2192 days", "30 days; the film's hash", "35 days"),
    ):
        assert line in out
    assert max(map(len, out.splitlines())) <= 80
    assert site.left(FILM)

    status, out, _ = site.with_identity(FILM, "--yes")
    assert status == 0
    assert site.left(FILM) == {}
    assert site.left(OTHER) == before
    assert site.cloud.s3.list_objects_v2(Bucket=site.cloud.renditions_bucket)["KeyCount"] == 4
    assert announced(site) == []
    status, _, error = site.with_identity(FILM, "--yes")
    assert (status, error) == (
        2,
        f"There is no film {FILM}, and no data derived from one.\n",
    )


def test_the_erasure_is_logged_without_naming_the_film(site: Site) -> None:
    assert site.with_identity(FILM, "--yes")[0] == 0
    lines = site.log()
    assert [line["message"] for line in lines] == ["Erasing films", "Films erased"]
    assert all(line["by"].startswith("arn:aws:") and line["films"] == 1 for line in lines)
    text = json.dumps(lines)
    versions = [record.version for record in site.screenings.of_key(OTHER)]
    assert not [each for each in (FILM, STUDY, "Musterfrau", *versions) if each in text]


def test_a_study_is_erased_by_the_uid_that_the_hospital_knows(site: Site) -> None:
    status, out, _ = site.with_identity("--study", STUDY, "--yes")
    assert status == 0
    assert out.startswith(f"{FILM}\n")
    assert (site.left(FILM), bool(site.left(OTHER))) == ({}, True)
    status, _, error = site.erase("--study", f"{STUDY}1")
    assert (status, "need --keep-identity" in error) == (2, True)


def test_more_versions_than_a_request_takes_are_all_erased(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cxr_alert.operate.erase._AT_ONCE", 10)
    # A device that overwrites its key time and again.
    for _ in range(24):
        site.cloud.s3.put_object(Bucket=site.cloud.bucket, Key=FILM, Body=b"")
    site.cloud.s3.delete_object(Bucket=site.cloud.bucket, Key=FILM)
    assert site.left(FILM)["versions"] == 26
    assert site.with_identity(FILM, "--yes")[0] == 0
    assert site.left(FILM) == {}


def test_a_film_that_is_being_screened_is_left_alone_without_unfinished(
    site: Site, function: Function
) -> None:
    message = site.cloud.drop(FILM, b"\xff\xd8\xff\xe0 just dropped")
    status, _, error = site.with_identity(FILM, "--yes")
    assert status == 2
    assert error.startswith("1 versions are still being screened")
    assert site.left(FILM)
    assert site.with_identity(FILM, "--yes", "--unfinished")[0] == 0
    assert site.left(FILM) == {}
    # Its message still waits in the queue: it ends as a reject without a film, which has to be
    # erased too.
    function.handler({"Records": [message]}, Context())
    (record,) = site.screenings.of_key(FILM)
    assert record.judgement.code == "deleted"
    function.services.screenings.mark_sent(record, datetime.now(UTC))
    assert site.with_identity(FILM, "--yes")[0] == 0
    assert site.left(FILM) == {}


def test_versions_under_an_object_lock_are_reported_and_their_record_stays(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {"Key": FILM, "VersionId": "v", "Code": "AccessDenied", "Message": "WORM protected"}
    delete = "botocore.client.BaseClient._make_api_call"
    call: Callable[..., Any] = BaseClient._make_api_call  # type: ignore[attr-defined]

    def locked(client: Any, operation: str, arguments: Any) -> Any:
        if operation == "DeleteObjects":
            return {"Errors": [kept]}
        return call(client, operation, arguments)

    monkeypatch.setattr(delete, locked)
    status, _, error = site.with_identity(FILM, "--yes")
    assert status == 1
    assert "object lock" in error
    assert len(site.screenings.of_key(FILM)) == 2
    assert site.left(FILM)["identities"] == 2


def test_without_a_worklist_and_off_site_the_rest_is_erased(site: Site) -> None:
    formation: Any = boto3.client("cloudformation", region_name=REGION)
    formation.delete_stack(StackName="cxr-alert-worklist")
    status, out, _ = site.erase(FILM, "--yes")
    assert status == 0
    assert "the identity file of" in out
    assert site.left(FILM)["identities"] == 2
