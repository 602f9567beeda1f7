"""Screening again, on the records that the function wrote."""

from decimal import Decimal

from operate.application import Application
from operate.rescreen import Rescreened, Result, films, rescreen
from screening.config import DEFAULT_CUTOFF
from tests.integration.classify_cloud import Cloud, Context, EndpointStub, Function


def again(cloud: Cloud, *, alert: bool) -> list[Rescreened]:
    application = Application(
        {
            "UploadsBucketName": cloud.bucket,
            "ScreeningsTableName": cloud.table,
            "UploadsQueueUrl": cloud.queue,
            "EndpointName": "cxr-alert",
        }
    )
    application.cutoff = DEFAULT_CUTOFF
    return list(rescreen(application, films(application, "ward-7/"), 1, alert=alert))


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

    assert len(cloud.alerts("program")) == 1
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
