"""Films uploaded to the deployed application, with the shipped network."""

import io
import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import numpy as np
import pytest
from PIL import Image

from screening.config import DEFAULT_CUTOFF
from screening.judgement import Finding
from screening.upload import Upload, event_of
from testbed.dicom_films import SECRETS, dicom
from tests.e2e.application import DICOM, NEGATIVE, POSITIVE, SAMPLES, Application, wait_until


def test_every_sample_has_one_record_and_every_positive_one_alert(
    application: Application,
) -> None:
    films = sorted(SAMPLES.glob("*/*.jpeg"))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda film: application.drop(film.name, film.read_bytes()), films))
    records = {film: application.record(film.name) for film in films}
    application.settle()

    for film, record in records.items():
        judgement = record.judgement
        positive = judgement.finding is Finding.PNEUMONIA
        assert judgement.probability is not None
        assert positive == (judgement.probability >= judgement.cutoff)
        assert len(application.alerts(film.name)) == positive
        assert len(application.mails(film.name)) == positive
        assert application.record(film.name).alert == ("SENT" if positive else "NOT_NEEDED")
    positives = [
        film for film, record in records.items() if record.judgement.finding is Finding.PNEUMONIA
    ]
    assert sum(film.parent.name == "PNEUMONIA" for film in positives) == 12
    assert sum(film.parent.name == "NORMAL" for film in positives) <= 2


@pytest.mark.parametrize("film", [POSITIVE, DICOM])
def test_a_film_of_a_backfill_is_screened_and_alerted_to_programs_only(
    application: Application, film: bytes
) -> None:
    key = f"backfill/{len(film)}"
    application.drop(key, film)
    assert application.record(key, alert="SENT").judgement.finding is Finding.PNEUMONIA
    application.settle()
    assert len(application.alerts(key)) == 1
    assert application.mails(key) == []


def test_the_record_names_film_time_and_network(application: Application) -> None:
    version = application.drop("whole.jpeg", POSITIVE)
    record = application.record("whole.jpeg", alert="SENT")

    assert record.version == version
    assert record.bucket == application.stack.outputs["UploadsBucketName"]
    assert record.size == len(POSITIVE)
    assert record.judgement.cutoff == DEFAULT_CUTOFF
    assert record.judgement.model
    assert record.alerted
    assert record.uploaded < record.judgement.classified < record.alerted
    (alert,) = application.alerts("whole.jpeg")
    assert alert["version"] == version
    assert Decimal(str(alert["probability"])) == record.judgement.probability


def test_alert_mail_asks_for_review_and_states_no_diagnosis(application: Application) -> None:
    application.drop("mailed.jpeg", POSITIVE)
    application.record("mailed.jpeg", alert="SENT")
    application.settle()

    (text,) = application.mails("mailed.jpeg")
    assert "Subject: Possible pneumonia" in text
    assert "(cutoff 10 %), please review" in text
    assert "not a diagnosis" in text


def test_the_same_event_ten_times_at_once_is_one_record_and_one_alert(
    application: Application,
) -> None:
    stack = application.stack
    version = application.drop("again.jpeg", POSITIVE)
    bucket = stack.outputs["UploadsBucketName"]
    head = stack.s3.head_object(Bucket=bucket, Key="again.jpeg", VersionId=version)
    upload = Upload.of(
        key="again.jpeg",
        version=version,
        bucket=bucket,
        etag=head["ETag"].strip('"'),
        size=len(POSITIVE),
        uploaded="2026-11-01T12:00:00.000Z",
    )
    body = json.dumps(event_of(upload))

    def send(_: int) -> None:
        stack.sqs.send_message(QueueUrl=stack.outputs["UploadsQueueUrl"], MessageBody=body)

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(send, range(10)))
    application.record("again.jpeg", alert="SENT")
    application.settle()

    assert len(application.records("again.jpeg")) == 1
    assert len(application.alerts("again.jpeg")) == 1
    assert len(application.mails("again.jpeg")) == 1
    assert application.waiting("UploadsDeadLetterQueueUrl") == 0


@pytest.mark.parametrize(
    ("key", "body"),
    [
        ("letter.jpeg", b"Dear radiologist, please find attached"),
        ("cut-off.jpeg", POSITIVE[: len(POSITIVE) // 2]),
    ],
)
def test_a_file_that_is_not_an_image_is_rejected_and_alerted_with_its_reason(
    application: Application, key: str, body: bytes
) -> None:
    application.drop(key, body)
    record = application.record(key, alert="SENT")
    # A returned message would be hidden for twenty minutes, so it is either deleted at once or not
    # at all.
    application.settle(seconds=5)

    assert record.judgement.finding == "REJECTED"
    assert record.judgement.reason
    assert len(record.judgement.reason.split()) >= 3
    assert record.judgement.code
    assert application.alerts(key) == []  # of positives
    (mail,) = application.mails(key)
    assert "Subject: Not screened: 1 film" in mail
    assert application.waiting("UploadsDeadLetterQueueUrl") == 0


@pytest.mark.parametrize(
    "key",
    [
        "ward 3/two  spaces.jpeg",
        "plus+and%2Bencoded+plus.jpeg",
        "Müller, Jörg (Thorax).jpeg",
        "100%.jpeg",
        "quote'\"<&>.jpeg",
        "胸部.jpeg",
        "no-extension",
    ],
)
def test_odd_keys_are_recorded_and_alerted_as_they_are(application: Application, key: str) -> None:
    version = application.drop(key, POSITIVE)
    record = application.record(key, alert="SENT")

    assert record.version == version
    assert len(application.alerts(key)) == 1


def test_overwritten_key_is_two_versions_with_a_record_each(application: Application) -> None:
    first = application.drop("overwritten.jpeg", NEGATIVE)
    second = application.drop("overwritten.jpeg", POSITIVE)
    wait_until(lambda: len(application.records("overwritten.jpeg")) == 2, "two records")
    application.settle()

    records = application.records("overwritten.jpeg")
    assert {each.version: each.judgement.finding for each in records} == {
        first: "NORMAL",
        second: "PNEUMONIA",
    }
    (alert,) = application.alerts("overwritten.jpeg")
    assert alert["version"] == second


def test_a_dicom_film_of_15_mb_is_screened_with_its_facts(application: Application) -> None:
    grey = np.asarray(Image.open(io.BytesIO(POSITIVE)).convert("L").resize((2500, 3000)))
    film = dicom(grey)
    assert len(film) > 14_000_000
    application.drop("ward/film.dcm", film)
    record = application.record("ward/film.dcm", alert="SENT")
    assert record.facts is not None
    assert record.facts.accession_number == SECRETS["AccessionNumber"]
    (alert,) = application.alerts("ward/film.dcm")
    assert SECRETS["AccessionNumber"] not in json.dumps(alert)
