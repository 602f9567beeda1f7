"""The loop of every queue: the end of each message in the log, the metrics and the queues."""

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from aws.consumer import Consumer
from aws.observe import Observer
from aws.queue import Queue
from screening.refusals import GivenUp, Later, TryAgain
from screening.upload import Upload, read_upload
from tests.integration.classify_cloud import Cloud

FAILURES: dict[str, BaseException] = {
    "fails.jpeg": TryAgain("The endpoint is busy."),
    "breaks.jpeg": ZeroDivisionError("Jane-Miller.jpeg"),
    "waits.jpeg": Later("A film may follow.", 7),
    "ends.jpeg": GivenUp("It went round too often.", "the upload"),
}


@pytest.fixture
def observer() -> Observer:
    observer = Observer("consumer-test")
    observer.metrics.clear_metrics()
    return observer


@pytest.fixture
def log(observer: Observer) -> io.StringIO:
    log = io.StringIO()
    observer.logger.handlers[0].setStream(log)  # type: ignore[attr-defined]
    return log


def consume(cloud: Cloud, observer: Observer, *messages: dict[str, Any], dead: str = "") -> Any:
    consumer = Consumer(
        queues=[
            Queue(lambda: cloud.sqs, cloud.queue),
            Queue(lambda: cloud.sqs, cloud.backfill_queue),
        ],
        dead_letters=Queue(lambda: cloud.sqs, dead or cloud.dead_letters),
        observer=observer,
        first_wait=1,
        most_tries=100,
    )

    def work(uploads: Sequence[Upload]) -> Mapping[Upload, BaseException]:
        return {one: FAILURES[one.key] for one in uploads if one.key in FAILURES}

    return consumer.consume({"Records": list(messages)}, read_upload, work)


def counted(observer: Observer) -> dict[str, float]:
    metrics = observer.metrics.serialize_metric_set()
    return {name: sum(value) for name, value in metrics.items() if isinstance(value, list)}


def received(cloud: Cloud, key: str) -> dict[str, Any]:
    """Have the queue deliver a message, so that it can be postponed."""
    cloud.sqs.send_message(QueueUrl=cloud.queue, MessageBody=cloud.drop(key)["body"])
    message = cloud.receive()
    assert message
    return message


def test_each_kind_of_message_ends_differently(
    cloud: Cloud, observer: Observer, log: io.StringIO
) -> None:
    done = received(cloud, "done.jpeg")
    fails, breaks = received(cloud, "fails.jpeg"), received(cloud, "breaks.jpeg")
    waits, ends = received(cloud, "waits.jpeg"), received(cloud, "ends.jpeg")
    broken, foreign = cloud.message("{"), cloud.message({"source": "aws.ec2"})
    fails["attributes"]["ApproximateReceiveCount"] = "5"
    answer = consume(cloud, observer, done, fails, breaks, waits, ends, broken, foreign)
    failed = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
    assert failed == [each["messageId"] for each in (fails, breaks, waits)]
    assert sorted(cloud.given_up()) == ["the upload", "{"]
    assert counted(observer) == {
        "RecordsFailed": 2,
        "RecordsFailedLong": 1,
        "MessagesGivenUp": 2,
        "EventsIgnored": 1,
    }
    assert "Jane" not in log.getvalue()
    assert "division" not in log.getvalue().lower().replace("zerodivisionerror", "")


def test_a_message_that_cannot_be_dead_lettered_is_delivered_again(
    cloud: Cloud, observer: Observer, log: io.StringIO
) -> None:
    missing = cloud.dead_letters + "-gone"
    broken = cloud.message("{")
    answer = consume(cloud, observer, broken, dead=missing)
    assert answer == {"batchItemFailures": [{"itemIdentifier": broken["messageId"]}]}
    assert counted(observer) == {"RecordsFailed": 1, "RecordsFailedLong": 0}


def test_a_batch_is_postponed_in_the_queue_that_it_came_from(
    cloud: Cloud, observer: Observer, log: io.StringIO
) -> None:
    cloud.sqs.send_message(
        QueueUrl=cloud.backfill_queue, MessageBody=cloud.drop("fails.jpeg")["body"]
    )
    message = cloud.receive(cloud.backfill_queue)
    assert message
    message["eventSourceARN"] = "arn:aws:sqs:us-east-1:123456789012:old-uploads"
    answer = consume(cloud, observer, message)
    assert answer["batchItemFailures"] == [{"itemIdentifier": message["messageId"]}]
    assert cloud.wait_for(cloud.backfill_queue)["messageId"] == message["messageId"]


def test_a_message_that_waits_is_delivered_again_when_due(
    cloud: Cloud, observer: Observer, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def note(**call: Any) -> None:
        asked.extend(each["VisibilityTimeout"] for each in call["Entries"])

    monkeypatch.setattr(cloud.sqs, "change_message_visibility_batch", note)
    consume(cloud, observer, received(cloud, "waits.jpeg"), received(cloud, "fails.jpeg"))
    assert asked == [7, 1]
    first = json.loads(log.getvalue().splitlines()[0])
    assert (first["message"], first["seconds"]) == ("Message waits", 7)
