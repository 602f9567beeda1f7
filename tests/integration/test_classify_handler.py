"""The whole function, one invocation at a time: from queue messages to records and alerts."""

import io
import json
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aws.endpoint import Endpoint
from screening.clock import now, stamp
from screening.config import DEFAULT_CUTOFF
from screening.judgement import Answer, judge
from screening.record import Claim, screened
from screening.upload import Upload, digest_of, read_upload
from tests.integration.classify_cloud import JPEG, Cloud, Context, EndpointStub, Function, Reply

EVENTS = Path(__file__).parents[2] / "events"


def run(function: Function, *messages: dict[str, Any]) -> list[str]:
    """Return the ids of the messages that the queue has to deliver again."""
    response = function.handler({"Records": list(messages)}, Context())
    return [failed["itemIdentifier"] for failed in response["batchItemFailures"]]


def metrics(printed: str) -> dict[str, list[float]]:
    lines = [json.loads(line) for line in printed.splitlines()]
    (emf,) = [line for line in lines if "_aws" in line]
    return {name: value for name, value in emf.items() if isinstance(value, list)}


def test_a_positive_is_recorded_and_alerted_once(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.finds(0.93)
    message = cloud.drop("ward-7/Müller +1.jpeg")

    assert run(function, message) == []

    (record,) = cloud.records()
    assert record == {
        "key": "ward-7/Müller +1.jpeg",
        "version": record["version"],
        "bucket": cloud.bucket,
        "etag": record["etag"],
        "digest": digest_of(JPEG),
        "size": len(JPEG),
        "uploaded": "2026-11-22T10:15:30.000Z",
        "classified": record["classified"],
        "probability": Decimal("0.93"),
        "cutoff": Decimal("0.1"),
        "finding": "PNEUMONIA",
        "model": "cxr-test-1",
        "variant": "AllTraffic",
        "alert": "SENT",
        "alerted": record["alerted"],
    }
    assert message["body"].count(record["version"]) == 1
    assert record["uploaded"] < record["classified"] <= record["alerted"] <= stamp(now())

    (program,) = cloud.alerts()
    assert program["MessageAttributes"] == {
        "finding": {"Type": "String", "Value": "PNEUMONIA"},
        "probability": {"Type": "Number", "Value": "0.930000"},
    }
    assert json.loads(program["Message"])["probability"] == 0.93

    (asked,) = endpoint.requests
    assert (asked.path, asked.body) == ("/endpoints/cxr-alert/invocations", JPEG)
    assert (asked.headers["Content-Type"], asked.headers["Accept"]) == (
        "image/jpeg",
        "application/json",
    )


def test_a_negative_is_recorded_and_alerts_nobody(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.finds(0.0999)
    assert run(function, cloud.drop("a.jpeg")) == []
    (record,) = cloud.records()
    assert (record["finding"], record["alert"]) == ("NORMAL", "NOT_NEEDED")
    assert "claimed_by" not in record
    assert cloud.alerts() == []


def test_a_batch_of_positives_is_one_message_for_each(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.finds(0.5)
    assert run(function, *(cloud.drop(f"{number}.jpeg") for number in range(10))) == []
    assert len(cloud.alerts()) == 10
    assert {record["alert"] for record in cloud.records()} == {"SENT"}


def test_one_bad_message_fails_alone(
    function: Function, cloud: Cloud, endpoint: EndpointStub, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = cloud.drop("good.jpeg"), cloud.drop("bad.jpeg", JPEG + b" bad")
    broken = cloud.message("no JSON")

    def answer(request: Any) -> Reply:
        return Reply(500) if b"bad" in request.body else EndpointStub.probabilities([0.5, 0.5])

    endpoint.answer = answer
    assert run(function, good, bad, broken) == [bad["messageId"]]
    assert cloud.given_up() == ["no JSON"]
    assert [record["key"] for record in cloud.records()] == ["good.jpeg"]
    assert metrics(capsys.readouterr().out) == {
        "FilmsScreened": [1.0],
        "PossiblePneumonia": [1.0],
        "FilmsRejected": [0.0],
        "FilmsSentToRender": [0.0],
        "AlertsSent": [1.0],
        "RecordsFailed": [1.0],
        "RecordsFailedLong": [0.0],
        "MessagesGivenUp": [1.0],
    }


def test_a_whole_batch_that_fails_raises_nothing(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.says(EndpointStub.model_error(500, "out of memory"))
    messages = [cloud.drop("a.jpeg"), cloud.drop("b.jpeg")]
    assert run(function, *messages) == [message["messageId"] for message in messages]
    assert cloud.records() == []


def test_the_same_event_ten_times_leaves_one_record_one_alert_and_one_question(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.finds(0.93)
    message = cloud.drop("a.jpeg")
    copies = [message | {"messageId": f"copy-{number}"} for number in range(5)]
    assert run(function, *copies) == []
    for copy in copies:
        assert run(function, copy) == []
    assert len(cloud.records()) == len(cloud.alerts()) == len(endpoint.requests) == 1


def test_two_versions_of_one_key_are_two_films(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.finds(0.93)
    assert run(function, cloud.drop("a.jpeg"), cloud.drop("a.jpeg", JPEG + b"2")) == []
    assert len(cloud.records()) == len(cloud.alerts()) == 2
    assert {request.body for request in endpoint.requests} == {JPEG, JPEG + b"2"}


@pytest.mark.parametrize(
    ("answer", "code", "reason"),
    [
        (EndpointStub.model_error(415, "This is\na letter."), "format", "This is a letter."),
        (EndpointStub.model_error(413, "Too many pixels."), "too_large", "Too many pixels."),
        (EndpointStub.model_error(422, "adult: An adult's."), "adult", "An adult's."),
        (
            EndpointStub.model_error(422, ""),
            "unreadable",
            "The endpoint refused the image (status 422).",
        ),
    ],
)
def test_a_film_that_the_endpoint_refuses_is_rejected_and_alerted(
    function: Function,
    cloud: Cloud,
    endpoint: EndpointStub,
    answer: Reply,
    code: str,
    reason: str,
) -> None:
    endpoint.says(answer)
    message = cloud.drop("a.txt", b"Dear radiologist")
    assert run(function, message) == run(function, message) == []
    (record,) = cloud.records()
    assert record["finding"] == "REJECTED"
    assert (record["alert"], record["code"], record["reason"]) == ("SENT", code, reason)
    assert "probability" not in record
    assert len(endpoint.requests) == 1
    assert endpoint.requests[0].headers["Content-Type"] == "application/octet-stream"
    (alert,) = cloud.alerts()
    assert alert["MessageAttributes"] == {
        "finding": {"Type": "String", "Value": "REJECTED"},
        "code": {"Type": "String", "Value": code},
    }
    assert json.loads(alert["Message"])["reason"] == reason


def test_empty_and_oversized_films_are_rejected_unread(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    events = (EVENTS / "rejects.json").read_text()
    for name in {
        json.loads(each["body"])["detail"]["bucket"]["name"]
        for each in json.loads(events)["Records"]
    }:
        cloud.s3.create_bucket(Bucket=name)
    assert run(function, *json.loads(events)["Records"]) == []
    reasons = {record["key"]: record["reason"] for record in cloud.records()}
    assert reasons["empty.jpeg"].startswith("The file is empty.")
    assert reasons["huge.png"].startswith("The file has 64.0 MB; at most 64 MB can be screened.")
    assert endpoint.requests == []


def test_a_film_that_is_gone_is_rejected(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    message = cloud.drop("a.jpeg")
    upload = read_upload(message["body"])
    assert upload
    assert upload.version_id
    cloud.s3.delete_object(Bucket=cloud.bucket, Key="a.jpeg", VersionId=upload.version_id)
    assert run(function, message) == []
    (record,) = cloud.records()
    assert record["reason"] == "The file was deleted before it could be read."


def test_a_film_behind_a_delete_marker_is_still_screened(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.finds(0.93)
    message = cloud.drop("a.jpeg")
    cloud.s3.delete_object(Bucket=cloud.bucket, Key="a.jpeg")
    assert run(function, message) == []
    assert cloud.records()[0]["finding"] == "PNEUMONIA"


def test_a_folder_marker_is_no_film(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    assert run(function, cloud.drop("ward-7/", b"")) == []
    assert cloud.records() == cloud.alerts() == []
    assert endpoint.requests == []


@pytest.mark.parametrize(
    ("name", "film"),
    [
        ("PDF", b"%PDF-1.7"),
        ("zip", b"PK\x03\x04..."),
        ("TIFF", b"II*\x00..."),
        ("WebP", b"RIFF....WEBP"),
    ],
)
def test_common_files_uploaded_by_mistake_are_named(
    function: Function, cloud: Cloud, endpoint: EndpointStub, name: str, film: bytes
) -> None:
    assert run(function, cloud.drop("a.jpeg", film)) == []
    (record,) = cloud.records()
    assert record["code"] == "format"
    assert f"The file is a {name}" in record["reason"]
    assert endpoint.requests == []


def test_a_film_larger_than_the_endpoint_takes_is_sent_to_be_rendered(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.says(EndpointStub.error(400, "ValidationError", message="Request has oversize body."))
    assert run(function, cloud.drop("a.jpeg")) == []
    assert cloud.records() == []
    assert cloud.receive(cloud.renditions_queue)


def test_an_unknown_error_is_retried(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.says(
        EndpointStub.error(400, "ValidationError", message="Inference Component Name header is ...")
    )
    message = cloud.drop("a.jpeg")
    assert run(function, message) == [message["messageId"]]
    assert cloud.records() == []


def test_foreign_events_are_consumed_and_malformed_ones_dead_lettered_at_once(
    function: Function, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = json.loads((EVENTS / "foreign.json").read_text())["Records"]
    malformed = json.loads((EVENTS / "malformed.json").read_text())["Records"]
    assert run(function, *foreign) == []
    assert metrics(capsys.readouterr().out)["EventsIgnored"] == [1.0] * len(foreign)
    assert run(function, *malformed) == []
    assert sorted(cloud.given_up()) == sorted(message["body"] for message in malformed)


def test_odd_keys_are_read_and_recorded_as_they_are(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.finds(0.93)
    events = json.loads((EVENTS / "odd-keys.json").read_text())["Records"]
    keys = [json.loads(event["body"])["detail"]["object"]["key"] for event in events]
    assert run(function, *(cloud.drop(key) for key in keys)) == []
    assert {record["key"] for record in cloud.records()} == set(keys)
    assert {json.loads(alert["Message"])["key"] for alert in cloud.alerts()} == set(keys)


def test_logs_never_hold_a_key(
    function: Function, cloud: Cloud, endpoint: EndpointStub, log: io.StringIO
) -> None:
    endpoint.finds(0.93)
    good, lost = cloud.drop("Jane-Miller.jpeg"), cloud.drop("Jane-Miller-2.jpeg")
    run(function, good)
    endpoint.stop()
    run(function, lost)
    printed = log.getvalue()
    assert "Miller" not in printed
    lines = [json.loads(line) for line in printed.splitlines()]
    films = [line["film"] for line in lines if line.get("film")]
    upload = read_upload(good["body"])
    assert upload
    assert films[:2] == [upload.log_id, upload.log_id]
    assert films[2] != upload.log_id
    assert "EndpointConnectionError" in lines[-1]["error"]


def test_a_programming_error_is_logged_with_its_place_and_without_its_message(
    function: Function,
    cloud: Cloud,
    monkeypatch: pytest.MonkeyPatch,
    log: io.StringIO,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("Jane-Miller.jpeg")

    monkeypatch.setattr(Endpoint, "ask", fail)
    message = cloud.drop("Jane-Miller.jpeg")
    assert run(function, message) == [message["messageId"]]
    assert "Miller" not in log.getvalue()
    (line,) = map(json.loads, log.getvalue().splitlines())
    assert (line["level"], line["error"]) == ("ERROR", "ZeroDivisionError")
    assert line["where"][-1].endswith(" fail")


def pending(cloud: Cloud, function: Function, message: dict[str, Any], until: str) -> Upload:
    """Write the record of an invocation that dies before its alert."""
    upload = read_upload(message["body"])
    assert upload
    answer = Answer(Decimal("0.93"), "cxr-test-1", "AllTraffic")
    record = screened(upload, judge(answer, DEFAULT_CUTOFF, now()), Claim("the dead", until))
    function.services.screenings.add(record)
    return upload


def test_a_crash_between_record_and_alert_loses_no_alert(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    message = cloud.drop("a.jpeg")
    pending(cloud, function, message, until="2026-01-01T00:00:00.000Z")
    assert run(function, message) == []
    assert [record["alert"] for record in cloud.records()] == ["SENT"]
    assert len(cloud.alerts()) == 1
    assert endpoint.requests == []


def test_an_alert_that_another_invocation_sends_is_not_sent_and_the_message_is_kept(
    function: Function, cloud: Cloud
) -> None:
    message = cloud.drop("a.jpeg")
    pending(cloud, function, message, until="2999-01-01T00:00:00.000Z")
    assert run(function, message) == [message["messageId"]]
    assert cloud.records()[0]["alert"] == "PENDING"
    assert cloud.alerts() == []


def test_an_alert_that_failed_is_sent_by_the_next_delivery(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.finds(0.93)
    normal, positive = cloud.drop("normal.jpeg"), cloud.drop("a.jpeg")
    cloud.close_topic()
    assert run(function, positive) == [positive["messageId"]]
    (record,) = cloud.records()
    assert record["alert"] == "PENDING"
    assert "claimed_by" not in record

    cloud.open_topic()
    assert run(function, positive, normal) == []
    assert {record["alert"] for record in cloud.records()} == {"SENT"}
    assert len(endpoint.requests) == 2


def test_a_failed_message_is_delivered_again_after_its_wait_not_the_queues(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.says(Reply(503))
    body = cloud.drop("a.jpeg")["body"]
    cloud.sqs.send_message(QueueUrl=cloud.queue, MessageBody=body)
    message = cloud.receive()
    assert message
    assert run(function, message) == [message["messageId"]]
    deadline = time.monotonic() + 30
    while not (again := cloud.receive()):
        assert time.monotonic() < deadline, "the message stayed hidden"
        time.sleep(0.1)
    assert (again["body"], again["attributes"]["ApproximateReceiveCount"]) == (body, "2")
