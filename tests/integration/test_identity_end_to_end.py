"""Patient identity from the modality to the bucket, back to the PACS, and until it is erased.

A receiver, the functions, `send` and `erase` work on one machine, with AWS in moto and Orthanc as
the modality and as the PACS.
"""

import io
import json
import logging
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from aws.clients import NotifyClients, WorklistClients, make_render_clients
from aws.handler import Failures, Handler
from cxr_alert.program import main
from delivery.settings import read_settings
from delivery.setup import sender
from imaging.sandbox import Sandbox
from intake.identities import open_identities
from notify.handler import Config as NotifyConfig
from notify.handler import make_handler as make_notify
from render.handler import make_handler as make_render
from render.handler import observer
from screening.film_name import film_name
from screening.record import record_from
from screening.result import result_request, written
from testbed.dicom_films import dicom, film
from tests import receiving, stacks
from tests.hospital import Engine, Orthanc, needs_orthanc, orthanc
from tests.integration.classify_cloud import (
    REGION,
    Cloud,
    Context,
    EndpointStub,
    Function,
    render_config,
)
from tests.integration.test_worklist_table import _tables, review_of
from tests.receiving import MotoBucket, moto_bucket
from worklist.remind import Config as RemindConfig
from worklist.remind import make_handler as make_remind
from worklist.rules.entry import with_review
from worklist.tables.reviews_table import ReviewsTable
from worklist.tables.worklist_table import WorklistTable

BURNED_IN = 7  # one film in this number has text in its pixels
LATERAL = 11  # one in this number is not a frontal view

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[MotoBucket]:
    with moto_bucket() as made:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        for name, value in made.environment.items():
            if name.startswith("AWS_"):
                monkeypatch.setenv(name, value)
        monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
        urllib.request.urlopen(  # noqa: S310 - of this machine
            urllib.request.Request(f"{made.url}/moto-api/reset", method="POST")  # noqa: S310
        ).close()
        yield made


@pytest.fixture
def cloud(bucket: MotoBucket) -> Cloud:
    """Like the fixture of conftest.py, in a server that other processes can reach."""
    return Cloud()


@dataclass
class Site:
    """The application's functions, run like in Lambda, one after the other."""

    cloud: Cloud
    classify: Function
    render: Handler[Failures]
    notify: Handler[Failures]
    entries: WorklistTable
    reviews: ReviewsTable
    results: str
    folder: Path
    log: io.StringIO
    messages: list[str] = field(default_factory=list)  # all contents of queues and mails

    @property
    def identities(self) -> Path:
        return self.folder / "identities"

    def versions(self) -> list[dict[str, Any]]:
        pages = self.cloud.s3.get_paginator("list_object_versions").paginate(Bucket="uploads")
        return [dict(each) for page in pages for each in page.get("Versions", [])]

    def screen(self, version: dict[str, Any]) -> None:
        """Screen an uploaded film, and notify programs, people, worklist and hospital."""
        uploaded = version["LastModified"].strftime("%Y-%m-%dT%H:%M:%S.000Z")
        names = (version["Key"], version["VersionId"], version["ETag"])
        waiting = [("classify", self.cloud._event(*names, version["Size"], uploaded))]
        while waiting:
            name, message = waiting.pop()
            self.messages.append(message["body"])
            run = self.classify.handler if name == "classify" else self.render
            assert run({"Records": [message]}, Context()) == {"batchItemFailures": []}
            for receiver, queue in (
                ("render", self.cloud.renditions_queue),
                ("classify", self.cloud.queue),
            ):
                while found := self.cloud.receive(queue):
                    handle = found["receiptHandle"]
                    self.cloud.sqs.delete_message(QueueUrl=queue, ReceiptHandle=handle)
                    waiting.append((receiver, found))
        record = record_from(self.record(*names[:2]))
        told = result_request(record)
        assert told
        self.messages.append(written(told))
        self.cloud.sqs.send_message(QueueUrl=self.results, MessageBody=written(told))
        self.entries.enlist(record, Decimal(0))

    def record(self, key: str, version: str) -> dict[str, Any]:
        found = self.cloud.screenings.get_item(Key={"key": key, "version": version})
        return dict(found["Item"])

    def settings(self, *destinations: str) -> Path:
        file = self.folder / "send.toml"
        file.write_text(
            f'[aws]\nqueue = "{self.results}"\ndead_letters = "{self.cloud.dead_letters}"\n'
            f'table = "{self.cloud.table}"\nrenditions = "{self.cloud.renditions_bucket}"\n'
            f'[results]\nkeep_identity = "{self.identities}"\n' + "\n".join(destinations)
        )
        return file


@pytest.fixture
def site(function: Function, cloud: Cloud, tmp_path: Path) -> Iterator[Site]:
    log = io.StringIO()
    observer.logger.handlers[0].setStream(log)  # type: ignore[attr-defined]
    notifying = NotifyConfig(
        stack_name="cxr-alert",
        notifications_topic_arn=cloud.sns.create_topic(Name="people")["TopicArn"],
        people_queue_url=cloud.sqs.create_queue(QueueName="people")["QueueUrl"],
        people_dead_letter_queue_url=cloud.dead_letters,
        digest_seconds=1,
        retry_seconds=1,
        most_tries=100,
    )
    ssm: Any = boto3.client("ssm", region_name=REGION)
    sandbox = Sandbox()
    entries, reviews = _tables("worklist")
    yield Site(
        cloud,
        function,
        make_render(render_config(cloud), make_render_clients(), sandbox),
        make_notify(notifying, NotifyClients(cloud.sns, ssm, lambda: cloud.sqs)),
        entries,
        reviews,
        cloud.sqs.create_queue(QueueName="results")["QueueUrl"],
        tmp_path,
        log,
    )
    sandbox.close()


def put(orthanc: Orthanc, path: str, body: object) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{orthanc.http}{path}", json.dumps(body).encode(), method="PUT"
    )
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - of this machine


WHO = {
    "PatientName": "Musterfrau^Xaveria",
    "PatientID": "PID-7749-XQ",
    "PatientBirthDate": "20211003",
    "AccessionNumber": "ACC-55-91-QZ",
    "InstitutionName": "Musterklinik",
    "StudyInstanceUID": "1.2.826.0.1.3680043.8.498.771",
    "SeriesInstanceUID": "1.2.826.0.1.3680043.8.498.772",
    "SOPInstanceUID": "1.2.826.0.1.3680043.8.498.773",
}


@needs_orthanc
def test_a_film_is_screened_without_identity_its_result_has_it_and_both_are_erased(
    site: Site, bucket: MotoBucket, endpoint: EndpointStub, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    endpoint.finds(0.93)
    lines: list[str] = []
    with (
        orthanc(tmp_path / "modality") as modality,
        orthanc(tmp_path / "pacs") as pacs,
        receiving.receiving(
            bucket.environment, tmp_path / "spool",
            "--from", "ORTHANC", "--prefix", "intake/", "--keep-identity", str(site.identities),
        ) as receiver,
    ):  # fmt: skip
        data = dicom(film(), tags=WHO)
        instance = modality.ask("/instances", data)["ID"]
        pacs.ask("/instances", data)  # the modality sends to it as well
        there = {"AET": receiving.TITLE, "Host": "127.0.0.1", "Port": receiver.port}
        put(modality, "/modalities/receiver", there)
        for _ in range(2):  # the second time, the bucket already has it
            modality.ask("/modalities/receiver/store", instance.encode())

        (version,) = site.versions()
        body = bucket.bodies()[0]
        lines += ["In the bucket:", f"  {version['Key']}", *_described(dcmread(io.BytesIO(body)))]
        for secret in WHO.values():
            assert secret.encode() not in body
            assert secret not in version["Key"]

        site.screen(version)
        record = site.record(version["Key"], version["VersionId"])
        assert not [secret for secret in WHO.values() if secret in str(record)]
        pacs_section = f'[pacs]\nhost = "127.0.0.1"\nport = {pacs.dicom}\ntitle = "ORTHANC"\n'
        sending = sender(read_settings(site.settings(pacs_section)))
        assert sending.step(0) == 1
        lines += ["Came home, into the film's own study:", *_came_home(pacs)]

        key, identities = version["Key"], str(site.identities)
        _review(site, version)
        _deploy(site)
        assert main(["erase", key, "--keep-identity", identities]) == 0
        capsys.readouterr()
        assert main(["erase", key, "--keep-identity", identities, "--yes"]) == 0
        lines += ["Erased:", *(f"  {each}" for each in capsys.readouterr().out.splitlines())]
        lines += ["Left in the cloud and on site:", *_left(site, key)]
    with capsys.disabled():
        print("\n" + "\n".join(lines))  # noqa: T201 - this is what it shows
    assert lines[-1] == "  nothing"
    for secret in WHO.values():
        assert secret not in receiver.said


def _described(copy: Dataset) -> list[str]:
    return [
        f"  {each.keyword:<28}{'...' if each.keyword == 'PixelData' else each.value}"
        for each in copy
    ]


def _came_home(pacs: Orthanc) -> list[str]:
    (study,) = pacs.ask("/studies")
    found = pacs.ask(f"/studies/{study}")
    patient, tags = found["PatientMainDicomTags"], found["MainDicomTags"]
    assert patient["PatientName"] == WHO["PatientName"]
    assert patient["PatientID"] == WHO["PatientID"]
    assert tags["StudyInstanceUID"] == WHO["StudyInstanceUID"]
    assert pacs.modalities() == ["DX", "OT", "SR"]
    lines = [f"  {name:<28}{value}" for name, value in (patient | tags).items() if value]
    for each in pacs.ask("/series"):
        series = pacs.ask(f"/series/{each}")
        if series["MainDicomTags"]["Modality"] == "SR":
            (report,) = series["Instances"]
            told = json.dumps(pacs.ask(f"/instances/{report}/tags?short"))
            for name in ("PatientName", "PatientID", "PatientBirthDate", "AccessionNumber"):
                assert WHO[name] in told
            assert WHO["SOPInstanceUID"] in told
            lines.append(f"  {'report refers to':<28}{WHO['SOPInstanceUID']}")
    return [*lines, f"  {'instances':<28}{', '.join(pacs.modalities())}"]


def _review(site: Site, version: dict[str, Any]) -> None:
    entry = site.entries.find(film_name(version["Key"], version["VersionId"]))
    assert entry
    review = review_of(entry, "PNEUMONIA")
    site.reviews.add(review, site.entries.write(with_review(entry, review)))


def _deploy(site: Site) -> None:
    formation: Any = boto3.client("cloudformation", region_name=REGION)
    outputs = {
        "UploadsBucketName": site.cloud.bucket,
        "RenditionsBucketName": site.cloud.renditions_bucket,
        "ScreeningsTableName": site.cloud.table,
        "UploadsQueueUrl": site.cloud.queue,
        "UploadsBackfillQueueUrl": site.cloud.queue,
        "LogGroupName": "functions",
    }
    tables = {"WorklistTableName": site.entries.table, "ReviewsTableName": site.reviews.table}
    stacks.deploy(formation, "cxr-alert", outputs, LogRetentionDays="30")
    stacks.deploy(formation, "cxr-alert-worklist", tables, AccessLogRetentionDays="2192")
    logs: Any = boto3.client("logs", region_name=REGION)
    logs.create_log_group(logGroupName="functions")


def _left(site: Site, key: str) -> list[str]:
    """Search everywhere, independently of the code that erased."""
    s3, dynamodb = site.cloud.s3, site.entries.client
    listed = s3.list_object_versions(Bucket=site.cloud.bucket)
    found = [f"version {each['VersionId']}" for each in listed.get("Versions", [])]
    found += [f"marker {each['VersionId']}" for each in listed.get("DeleteMarkers", [])]
    renditions = s3.list_objects_v2(Bucket=site.cloud.renditions_bucket).get("Contents", [])
    found += [f"rendition {each['Key']}" for each in renditions]
    for table in (site.cloud.table, site.entries.table, site.reviews.table):
        found += [f"in {table}: {each}" for each in dynamodb.scan(TableName=table)["Items"]]
    identities = open_identities(site.identities, None, make=False)
    found += [f"identity of {key}"] * identities.count(key)
    return [f"  {each}" for each in found] or ["  nothing"]


def who(number: int) -> dict[str, str]:
    """One patient of the day; each value appears only in the film itself."""
    return {
        "PatientName": f"Nachname{number:03}^Vorname{number:03}",
        "PatientID": f"PID-{number:03}-77XQ",
        "PatientBirthDate": f"{2021 + number % 4}{number % 12 + 1:02}{number % 28 + 1:02}",
        "PatientComments": f"Child of Nachname{number:03}",
        "SeriesDescription": f"Thorax {'lateral' if not number % LATERAL else 'pa'} "
        f"Nachname{number:03}",
        "InstitutionName": f"Klinik Nachname{number:03}",
        "BodyPartExamined": f"NACHNAME{number:03}" if not number % 5 else "CHEST",
        "ViewPosition": f"VORNAME{number:03}" if not number % 9 else "AP",
        "BurnedInAnnotation": "NO" if number % BURNED_IN else "YES",
        "AccessionNumber": f"ACC{number:03}-QZ",
        "StudyInstanceUID": f"1.2.826.0.1.3680043.8.498.9{number:03}1",
        "SeriesInstanceUID": f"1.2.826.0.1.3680043.8.498.9{number:03}2",
        "SOPInstanceUID": f"1.2.826.0.1.3680043.8.498.9{number:03}3",
    }


# Names, numbers and birth dates, in any spelling; all other dates of that day are of later years.
PATIENTS = re.compile(
    r"nachname|vorname|pid-\d{3}-77xq|(?<!\w)202[1-4]-?(?:0\d|1[0-2])-?[0-3]\d(?!\w)"
)
# Values that logs, metrics, mails, messages to programs and keys must not contain either.
STUDIES = re.compile(r"acc\d{3}-qz|1\.2\.826\.0\.1\.3680043\.8\.498\.9\d{3}")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("films", [24, pytest.param(200, marks=pytest.mark.slow)])
def test_no_log_metric_mail_or_message_of_a_day_identifies_a_patient(
    films: int, site: Site, bucket: MotoBucket, endpoint: EndpointStub, tmp_path: Path,
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    files = []
    for number in range(films):
        files.append(tmp_path / f"{number:03}.dcm")
        files[-1].write_bytes(dicom(film(), tags=who(number)))
    kept, plain = files[: films // 2], files[films // 2 :]
    said, statuses = [], []
    for part, options in ((kept, ("--keep-identity", str(site.identities))), (plain, ())):
        with receiving.receiving(bucket.environment, tmp_path / "spool", *options) as receiver:
            statuses.append(receiving.send(receiver.port, *part))
        said.append(receiver.said)
    burned_in = sum(not number % BURNED_IN for number in range(films // 2))
    assert statuses[0].count(0) == films // 2 - burned_in
    assert statuses[1].count(0) == films // 2

    plain_bodies = [body for body in bucket.bodies() if b"Nachname" in body]
    assert len(plain_bodies) == len(plain)
    versions = site.versions()
    for number, version in enumerate(versions):
        endpoint.finds(0.93 if number % 2 else 0.02)
        site.screen(version)
    alerts = [alert["Message"] for alert in site.cloud.alerts()]
    mails = _mails(site, alerts)
    with Engine() as engine, caplog.at_level(logging.INFO):
        hl7 = f'[hl7]\nhost = "127.0.0.1"\nport = {engine.port}\n'
        sending = sender(read_settings(site.settings(hl7)))
        while sending.step(0):
            pass
        sending.metrics.send(now=True)
        home = "".join(engine.messages)
    assert len(engine.messages) == len(versions) == films - burned_in

    cloudwatch: Any = boto3.client("cloudwatch", region_name=REGION)
    metrics = cloudwatch.list_metrics()["Metrics"]
    items = [
        site.entries.client.scan(TableName=table)["Items"]
        for table in (site.cloud.table, site.entries.table)
    ]
    written_down = {
        "the receivers' logs": "\n".join(said),
        "the functions' logs": site.classify.log.getvalue() + site.log.getvalue(),
        "what was printed, metrics among it": "".join(capfd.readouterr()),
        "the sender's log": "\n".join(
            each.getMessage()
            for each in caplog.records
            if each.name != "werkzeug"  # moto's
        ),
        "metrics": json.dumps(metrics, default=str),
        "alerts": "\n".join(alerts),
        "mails": "\n".join(mails),
        "object keys": "\n".join(each["Key"] for each in versions),
        "dead letters": "\n".join(site.cloud.given_up()),
        "the file of identities": site.identities.read_bytes().decode("latin-1"),
    }
    for place, text in written_down.items():
        assert text or place == "dead letters", f"{place} were not looked at"
    for place, text in written_down.items():
        for telling in (PATIENTS, STUDIES):
            assert not telling.search(text.lower()), place
    # Accession numbers and UIDs may be in the records of films that kept their identity, and in the
    # queue before.
    for records in (*items, site.messages):
        assert not PATIENTS.search(json.dumps(records, default=str).lower())
    patient = [text.lower() for name, text in who(1).items() if "UID" not in name]
    assert sum(bool(PATIENTS.search(text)) for text in patient) == 6
    assert all(PATIENTS.search(body.decode("latin-1").lower()) for body in plain_bodies)
    delivered = [number for number in range(films) if number >= films // 2 or number % BURNED_IN]
    assert all(who(number)["PatientID"] in home for number in delivered)
    assert len(alerts) > films // 3
    assert {"Not reviewed yet" in mail for mail in mails} == {True, False}  # reminders, digests


def _mails(site: Site, alerts: list[str]) -> list[str]:
    """Let `notify` and `remind` write to people; return the messages."""
    sqs, sns = site.cloud.sqs, site.cloud.sns
    inbox = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    topic = sns.create_topic(Name="people")["TopicArn"]
    arn = sqs.get_queue_attributes(QueueUrl=inbox, AttributeNames=["QueueArn"])
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"])
    for start in range(0, len(alerts), 100):
        records = [site.cloud.message(alert) for alert in alerts[start : start + 100]]
        assert site.notify({"Records": records}, Context()) == {"batchItemFailures": []}
    overdue = RemindConfig(site.entries.table, "https://worklist.example", topic, 1)
    ssm: Any = boto3.client("ssm", region_name=REGION)
    clients = WorklistClients(site.entries.client, site.cloud.s3, sns, ssm, lambda: site.cloud.sqs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("worklist.remind.overdue_since", lambda *_: "9999")
        assert make_remind(overdue, clients)({}, None)["reminded"]
    found: list[str] = []
    while answer := sqs.receive_message(QueueUrl=inbox, MaxNumberOfMessages=10).get("Messages"):
        for each in answer:
            found.append(each["Body"])
            sqs.delete_message(QueueUrl=inbox, ReceiptHandle=each["ReceiptHandle"])
    return found
