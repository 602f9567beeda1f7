"""Rescreening, on records that the function wrote."""

import zlib
from dataclasses import replace
from decimal import Decimal

import pytest

from cxr_alert.operate.application import Application
from cxr_alert.operate.rescreen import Rescreened, Result, films, rescreen
from screening.config import DEFAULT_CUTOFF
from screening.facts import Facts
from screening.rendition import Rendered, rendition_key
from screening.upload import event_of, read_upload
from tests.integration.classify_cloud import KEY, Cloud, Context, EndpointStub, Function

ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
PNG = b"".join(
    (
        b"\x89PNG\r\n\x1a\n",
        b"\0\0\0\0IEND",
        zlib.crc32(b"IEND").to_bytes(4),
    )
)


def again(cloud: Cloud, *, alert: bool, gated: bool = True) -> list[Rescreened]:
    application = Application(
        {
            "UploadsBucketName": cloud.bucket,
            "ScreeningsTableName": cloud.table,
            "UploadsQueueUrl": cloud.queue,
            "UploadsBackfillQueueUrl": cloud.backfill_queue,
            "RenditionsBucketName": cloud.renditions_bucket,
            "EndpointName": "cxr-alert",
            "KeyArn": KEY,
        }
    )
    application.settings = {"CUTOFF": str(DEFAULT_CUTOFF), "LARGEST_BODY_MB": "25"}
    chosen = films(application, "ward-7/")
    return list(rescreen(application, chosen, 1, alert=alert, gated=gated))


def test_a_newly_positive_film_is_alerted_when_asked_and_once(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.finds(0.01)
    function.handler({"Records": [cloud.drop("ward-7/a.jpeg")]}, Context())
    assert [film.result for film in again(cloud, alert=False)] == [Result.SAME]
    (unchanged,) = cloud.records()
    assert "earlier" not in unchanged

    endpoint.finds(0.93)
    assert [film.result for film in again(cloud, alert=False)] == [Result.NEWLY_POSITIVE]
    assert cloud.receive() is None
    assert [film.result for film in again(cloud, alert=True)] == [Result.NEWLY_POSITIVE]
    message = cloud.receive()
    assert message
    assert [film.result for film in again(cloud, alert=False)] == [Result.SKIPPED]
    assert function.handler({"Records": [message]}, Context()) == {"batchItemFailures": []}
    assert [film.result for film in again(cloud, alert=True)] == [Result.SAME]

    assert len(cloud.alerts()) == 1
    (record,) = function.services.screenings.of_key("ward-7/a.jpeg")
    assert (record.alert, record.judgement.finding) == ("SENT", "PNEUMONIA")
    assert [each.probability for each in record.earlier] == [Decimal("0.01"), Decimal("0.93")]
    assert list(function.services.screenings.all()) == [record]


def test_a_film_that_is_rejected_now_has_its_reason_and_no_probability(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.finds(0.01)
    function.handler({"Records": [cloud.drop("ward-7/a.jpeg")]}, Context())
    endpoint.says(EndpointStub.model_error(415, "This is a PDF, no image."))
    assert [film.result for film in again(cloud, alert=True)] == [Result.CHANGED]
    (item,) = cloud.records()
    assert (item["finding"], item["reason"]) == ("REJECTED", "This is a PDF, no image.")
    assert "probability" not in item
    assert item["earlier"][0]["finding"] == "NORMAL"


def test_a_person_overrules_the_gate_and_the_record_says_so(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.says(EndpointStub.model_error(422, "adult: This looks like an adult's chest X-ray."))
    function.handler({"Records": [cloud.drop("ward-7/a.jpeg")]}, Context())
    (refused,) = cloud.records()
    assert (refused["finding"], refused["code"]) == ("REJECTED", "adult")
    assert ATTRIBUTES not in endpoint.requests[-1].headers

    answer = EndpointStub.probabilities([0.07, 0.93])
    said = {ATTRIBUTES: "model=cxr-test-1,gate=off,map=009942"}
    endpoint.says(replace(answer, headers=answer.headers | said))
    found = again(cloud, alert=False, gated=False)
    assert [film.result for film in found] == [Result.NEWLY_POSITIVE]
    assert endpoint.requests[-1].headers[ATTRIBUTES] == "gate=off"
    (judged,) = cloud.records()
    assert (judged["finding"], judged["gate"], judged["map"]) == ("PNEUMONIA", "off", "009942")
    assert judged["earlier"][0]["code"] == "adult"


def test_a_dicom_film_is_screened_again_as_its_rendition_as_long_as_that_is_kept(
    function: Function, cloud: Cloud, endpoint: EndpointStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cxr_alert.operate.rescreen._WAITS_SECONDS", ())
    endpoint.finds(0.01)
    uploaded = read_upload(cloud.drop("ward-7/a.dcm")["body"])
    assert uploaded
    rendered = replace(uploaded, rendered=Rendered(Facts("DX", "window", age="004Y")))
    function.services.films.put_rendition(rendered, PNG)
    function.handler({"Records": [cloud.message(event_of(rendered))]}, Context())
    endpoint.finds(0.93)
    assert [film.result for film in again(cloud, alert=False)] == [Result.NEWLY_POSITIVE]
    assert [request.body for request in endpoint.requests] == [PNG, PNG]

    key = rendition_key(uploaded.key, uploaded.version)
    cloud.s3.delete_object(Bucket=cloud.renditions_bucket, Key=key)
    (film,) = again(cloud, alert=False)
    assert (film.result, "upload the film again" in film.why) == (Result.FAILED, True)
