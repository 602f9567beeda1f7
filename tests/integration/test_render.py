"""DICOM films, and films too large for an endpoint, pass both functions."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from PIL import Image

from aws.clients import make_render_clients
from aws.handler import Failures, Handler
from classify.batch import MOST_RENDERINGS
from imaging.dicom.refused import SENTENCES
from imaging.sandbox import Sandbox
from render.handler import make_handler, observer
from screening.digest import digest_message, digests, read_alert
from screening.facts import ADULT_REASON, OLDER_CHILD_NOTE
from screening.refusals import Code
from screening.upload import read_upload
from testbed.dicom_films import SECRETS, dicom, film
from tests.integration.classify_cloud import (
    Cloud,
    Context,
    EndpointStub,
    Function,
    Reply,
    Request,
    render_config,
)

SERVERLESS_BYTES = 4 * 1024 * 1024
REAL_TIME_BYTES = 25 * 1024 * 1024


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


@dataclass
class Application:
    """Both functions and their queues; `log` has the lines of both."""

    classify: Function
    render: Handler[Failures]
    cloud: Cloud
    render_log: io.StringIO

    def settle(self, message: dict[str, Any]) -> list[str]:
        """Pass an upload's message on until no queue has more; return which functions had it."""
        trail, waiting = [], [("classify", message)]
        while waiting:
            name, message = waiting.pop()
            trail.append(name)
            if name.startswith("classify"):
                answer = self.classify.handler({"Records": [message]}, Context())
            else:
                answer = self.render({"Records": [message]}, Context(function_name="render"))
            assert answer == {"batchItemFailures": []}
            for receiver, queue in (
                ("render", self.cloud.renditions_queue),
                ("classify", self.cloud.queue),
                ("render (backfill)", self.cloud.renditions_backfill_queue),
                ("classify (backfill)", self.cloud.backfill_queue),
            ):
                while found := self.cloud.receive(queue):
                    handle = found["receiptHandle"]
                    self.cloud.sqs.delete_message(QueueUrl=queue, ReceiptHandle=handle)
                    waiting.append((receiver, found))
        return trail

    @property
    def record(self) -> dict[str, Any]:
        (record,) = self.cloud.records()
        return record

    @property
    def log(self) -> str:
        return self.classify.log.getvalue() + self.render_log.getvalue()


@pytest.fixture
def application(function: Function, cloud: Cloud, sandbox: Sandbox) -> Iterator[Application]:
    log = io.StringIO()
    observer.logger.handlers[0].setStream(log)  # type: ignore[attr-defined]
    clients = make_render_clients()
    yield Application(function, make_handler(render_config(cloud), clients, sandbox), cloud, log)
    clients.s3.close()


def people_get(alerts: list[dict[str, Any]]) -> str:
    """Return all digests of these alerts as one text."""
    told = [read_alert(alert["Message"]) for alert in alerts]
    return json.dumps([digest_message(each, "").texts for each in digests(told)])


def renditions(cloud: Cloud) -> list[str]:
    listed = cloud.s3.list_objects_v2(Bucket=cloud.renditions_bucket)
    return [each["Key"] for each in listed.get("Contents", []) if "-deep" not in each["Key"]]


def pictures(cloud: Cloud) -> list[bytes]:
    """The pictures for readers."""
    listed = cloud.s3.list_objects_v2(Bucket=cloud.renditions_bucket).get("Contents", [])
    keys = [each["Key"] for each in listed if each["Key"].endswith("-deep.png")]
    bucket = cloud.renditions_bucket
    return [cloud.s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys]


def test_a_dicom_film_is_screened_as_its_rendition(
    application: Application, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.finds(0.9)
    message = cloud.drop("ward 3/film.dcm", dicom(film()))
    assert application.settle(message) == ["classify", "render", "classify"]
    (request,) = endpoint.requests
    assert request.headers["Content-Type"] == "image/png"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(request.body))), film())
    record = application.record
    assert (record["key"], record["finding"], record["alert"]) == (
        "ward 3/film.dcm",
        "PNEUMONIA",
        "SENT",
    )
    assert record["facts"] == {
        "modality": "DX",
        "rendering": "window",
        "study_uid": SECRETS["StudyInstanceUID"],
        "series_uid": SECRETS["SeriesInstanceUID"],
        "instance_uid": SECRETS["SOPInstanceUID"],
        "accession_number": SECRETS["AccessionNumber"],
        "view": "AP",
        "body_part": "CHEST",
        "age": "004Y",
    }
    # It is the uploaded version.
    (version,) = cloud.s3.list_object_versions(Bucket=cloud.bucket)["Versions"]
    assert record["version"] == version["VersionId"]


def test_a_film_of_a_backfill_stays_in_the_queues_of_its_own(
    application: Application, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.finds(0.93)
    trail = application.settle(cloud.drop("backfill/2019/film.dcm", dicom(film())))
    assert trail == ["classify", "render (backfill)", "classify (backfill)"]
    (alert,) = cloud.alerts()
    assert alert["MessageAttributes"]["backfill"]["Value"] == "yes"


def test_no_output_identifies_the_patient(
    application: Application, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.finds(0.9)
    changes: list[dict[str, Any]] = [
        {},
        {"PatientAge": "009Y"},
        {"PatientAge": "040Y"},
        {"Modality": "MR"},
        {"Rows": 0},
    ]
    for number, tags in enumerate(changes):
        application.settle(cloud.drop(f"{number}.dcm", dicom(film(), tags=tags)))
    alerts = cloud.alerts()
    assert len(alerts) == len(changes)
    told = json.dumps(alerts) + people_get(alerts)
    left = application.log + told + "".join(renditions(cloud))
    assert "Film rendered" in left
    assert "Film refused" in left
    for name, value in SECRETS.items():
        for part in value.split("^"):
            assert part not in left, name


def test_an_adult_is_rejected_without_asking_the_endpoint(
    application: Application, cloud: Cloud, endpoint: EndpointStub
) -> None:
    application.settle(cloud.drop("a.dcm", dicom(film(), tags={"PatientAge": "018Y"})))
    record = application.record
    assert (record["finding"], record["code"], record["reason"]) == (
        "REJECTED",
        "adult",
        ADULT_REASON,
    )
    assert record["facts"]["age"] == "018Y"
    assert endpoint.requests == []


def test_an_older_child_is_screened_and_record_and_alerts_say_so(
    application: Application, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.finds(0.9)
    application.settle(cloud.drop("a.dcm", dicom(film(), tags={"PatientAge": "011Y"})))
    assert application.record["note"] == OLDER_CHILD_NOTE
    (alert,) = cloud.alerts()
    told = json.loads(alert["Message"])
    assert (told["note"], told["facts"]["age"]) == (OLDER_CHILD_NOTE, "011Y")
    assert OLDER_CHILD_NOTE in people_get([alert])


def test_a_refused_film_has_facts_and_a_picture_for_readers_and_no_rendition(
    application: Application, cloud: Cloud, endpoint: EndpointStub
) -> None:
    application.settle(cloud.drop("a.dcm", dicom(film(), tags={"ViewPosition": "LL"})))
    record = application.record
    assert (record["code"], record["facts"]["rendering"]) == (Code.LATERAL, "refused")
    assert record["facts"]["accession_number"] == SECRETS["AccessionNumber"]
    assert record["facts"]["view"] == "LL"
    assert renditions(cloud) == []
    (picture,) = pictures(cloud)
    assert Image.open(io.BytesIO(picture)).size == film().shape[::-1]
    assert endpoint.requests == []


def test_a_file_without_a_film_has_facts_and_no_picture(
    application: Application, cloud: Cloud
) -> None:
    application.settle(cloud.drop("a.dcm", dicom(film(), tags={"Rows": 0})))
    assert application.record["facts"]["study_uid"] == SECRETS["StudyInstanceUID"]
    assert pictures(cloud) == []


@pytest.mark.parametrize(
    ("code", "tags"),
    [
        (Code.MODALITY, {"Modality": "CT"}),
        (Code.LATERAL, {"ViewPosition": "LL"}),
        (Code.BROKEN, {"Rows": 0}),
    ],
)
def test_a_refusal_is_a_rejection_with_its_code(
    application: Application, cloud: Cloud, code: Code, tags: dict[str, Any]
) -> None:
    assert application.settle(cloud.drop("a.dcm", dicom(film(), tags=tags)))[-1] == "classify"
    record = application.record
    assert (record["finding"], record["code"]) == ("REJECTED", code)
    assert record["reason"].startswith(SENTENCES[code])


def noise(side: int) -> bytes:
    """Return a JPEG with a large file for its pixels: a side of 2,600 takes over 4 MB."""
    pixels = np.random.default_rng(0).integers(0, 256, (side, side), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95)
    return file.getvalue()


def test_a_jpeg_larger_than_an_endpoint_takes_goes_the_same_way(
    application: Application, cloud: Cloud, endpoint: EndpointStub
) -> None:
    large = noise(6000)
    assert len(large) > REAL_TIME_BYTES
    endpoint.finds(0.02)
    trail = application.settle(cloud.drop("large.jpeg", large))
    assert trail == ["classify", "render", "classify"]
    (request,) = endpoint.requests
    assert len(request.body) < SERVERLESS_BYTES
    assert application.record["finding"] == "NORMAL"
    assert "facts" not in application.record


def test_a_jpeg_that_the_endpoint_calls_too_large_goes_the_same_way(
    application: Application, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.answer = takes_at_most(endpoint, SERVERLESS_BYTES)
    large = noise(2600)
    assert SERVERLESS_BYTES < len(large) < REAL_TIME_BYTES
    trail = application.settle(cloud.drop("large.jpeg", large))
    assert trail == ["classify", "render", "classify"]
    assert application.record["finding"] == "PNEUMONIA"


def test_a_rendition_that_is_still_too_large_is_rejected_with_the_limit(
    application: Application, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.answer = takes_at_most(endpoint, 10)
    trail = application.settle(cloud.drop("a.dcm", dicom(film())))
    assert trail == ["classify", "render", "classify"]
    record = application.record
    assert (record["code"], "4 MB" in record["reason"]) == (Code.TOO_LARGE, True)


def test_a_large_file_that_is_not_a_film_is_rejected_for_its_format(
    application: Application, cloud: Cloud
) -> None:
    application.settle(cloud.drop("films.zip", b"PK\x03\x04" + bytes(REAL_TIME_BYTES)))
    record = application.record
    assert (record["code"], "zip archive" in record["reason"]) == (Code.FORMAT, True)


def takes_at_most(endpoint: EndpointStub, largest: int) -> Callable[[Request], Reply]:
    """Answer like an endpoint that takes JPEG and PNG up to that many bytes."""

    def answer(request: Request) -> Reply:
        if len(request.body) > largest:
            return endpoint.error(413, "ValidationError", message="Request has oversize body.")
        if request.headers["Content-Type"] not in ("image/jpeg", "image/png"):
            return endpoint.model_error(415, "Unsupported content type")
        return endpoint.probabilities([0.1, 0.9])

    return answer


@pytest.mark.parametrize("largest", [SERVERLESS_BYTES, REAL_TIME_BYTES])
def test_a_film_of_15_mb_is_screened_by_an_endpoint_that_takes_little(
    application: Application, cloud: Cloud, endpoint: EndpointStub, largest: int
) -> None:
    """Like a serverless endpoint by size, and like SageMaker's built-in algorithm by format."""
    endpoint.answer = takes_at_most(endpoint, largest)
    data = dicom(film(2500, 3000))
    assert len(data) > 14_000_000
    application.settle(cloud.drop("a.dcm", data))
    assert application.record["finding"] == "PNEUMONIA"


def test_however_often_it_is_delivered_there_is_one_record_and_one_alert(
    application: Application, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.finds(0.9)
    message = cloud.drop("a.dcm", dicom(film()))
    application.settle(message)
    assert application.settle(message) == ["classify"]
    assert len(cloud.alerts()) == len(cloud.records()) == len(renditions(cloud)) == 1


def rendered(application: Application, cloud: Cloud) -> dict[str, Any]:
    """Upload a DICOM film and render it; return the message that comes back."""
    message = cloud.drop("a.dcm", dicom(film()))
    application.classify.handler({"Records": [message]}, Context())
    to_render = cloud.receive(cloud.renditions_queue)
    application.render({"Records": [to_render]}, Context())
    back = cloud.receive()
    assert back is not None
    return back


def damage(cloud: Cloud, how: str) -> None:
    (key,) = renditions(cloud)
    bucket = cloud.renditions_bucket
    png = cloud.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    middle = len(png) // 2
    damaged = {
        "half": png[:middle],
        "empty": b"",
        "one byte wrong": png[:middle] + bytes([png[middle] ^ 1]) + png[middle + 1 :],
    }
    if how == "gone":
        cloud.s3.delete_object(Bucket=bucket, Key=key)
    else:
        cloud.s3.put_object(Bucket=bucket, Key=key, Body=damaged[how])


DAMAGES = ["gone", "half", "empty", "one byte wrong"]


@pytest.mark.parametrize("how", DAMAGES)
def test_a_missing_or_incomplete_rendition_is_made_again(
    application: Application, cloud: Cloud, endpoint: EndpointStub, how: str
) -> None:
    endpoint.finds(0.02)
    back = rendered(application, cloud)
    damage(cloud, how)
    application.classify.handler({"Records": [back]}, Context())
    assert cloud.records() == []
    again = cloud.wait_for(cloud.renditions_queue)
    application.render({"Records": [again]}, Context())
    application.classify.handler({"Records": [cloud.wait_for(cloud.queue)]}, Context())
    assert application.record["finding"] == "NORMAL"


def test_a_rendition_that_stays_missing_ends_as_a_dead_letter_of_the_upload(
    application: Application, cloud: Cloud
) -> None:
    back = rendered(application, cloud)
    damage(cloud, "gone")
    event = json.loads(back["body"])
    event["detail"]["hops"] = 2 * MOST_RENDERINGS
    answer = application.classify.handler({"Records": [cloud.message(event)]}, Context())
    assert answer == {"batchItemFailures": []}
    assert cloud.receive(cloud.renditions_queue) is None
    (dead,) = cloud.given_up()
    upload = read_upload(dead)
    assert upload
    # After the redrive, it starts again.
    assert (upload.key, upload.hops, upload.rendered) == ("a.dcm", 0, None)
    assert "Its rendition was missing or incomplete 5 times." in application.log


def test_every_hop_is_counted_in_the_message(application: Application, cloud: Cloud) -> None:
    back = rendered(application, cloud)
    upload = read_upload(back["body"])
    assert upload
    assert upload.hops == 2


def test_without_a_bucket_for_renditions_nothing_is_lost(
    application: Application, cloud: Cloud, endpoint: EndpointStub
) -> None:
    message = cloud.drop("a.dcm", dicom(film()))
    application.classify.handler({"Records": [message]}, Context())
    to_render = cloud.receive(cloud.renditions_queue)
    cloud.s3.delete_bucket(Bucket=cloud.renditions_bucket)
    assert to_render is not None
    answer = application.render({"Records": [to_render]}, Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": to_render["messageId"]}]}
    assert "S3 did not store the rendition" in application.log
    assert cloud.receive() is None
    assert cloud.records() == []


def test_a_film_deleted_before_it_was_rendered_is_rejected(
    application: Application, cloud: Cloud
) -> None:
    message = cloud.drop("a.dcm", dicom(film()))
    application.classify.handler({"Records": [message]}, Context())
    (version,) = cloud.s3.list_object_versions(Bucket=cloud.bucket)["Versions"]
    cloud.s3.delete_object(Bucket=cloud.bucket, Key="a.dcm", VersionId=version["VersionId"])
    to_render = cloud.receive(cloud.renditions_queue)
    application.render({"Records": [to_render]}, Context())
    back = cloud.receive()
    assert back is not None
    application.settle(back)
    assert "deleted" in application.record["reason"]


def test_an_unreadable_message_is_dead_lettered(application: Application, cloud: Cloud) -> None:
    message = cloud.message("{")
    assert application.render({"Records": [message]}, Context()) == {"batchItemFailures": []}
    assert cloud.given_up() == ["{"]
