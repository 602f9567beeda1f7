"""Messages for people: from alerts in their queue to digests, and their number."""

import json
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError

import aws.worklist
from aws.clients import NotifyClients
from aws.handler import Failures, Handler
from notify.handler import Config, make_handler
from screening.config import DEFAULT_CUTOFF
from screening.judgement import Answer, judge, reject
from screening.messages import alert_message
from screening.record import Claim, Record, screened
from screening.refusals import Code, Rejected
from screening.upload import Upload
from tests.integration.classify_cloud import Cloud, Context

AT = datetime(2026, 11, 22, 10, 15, 31, tzinfo=UTC)
CLAIM = Claim("one", "2026-11-22T10:17:31.123Z")


def record(key: str, probability: str | None = "0.93") -> Record:
    upload = Upload(key, "v1", "uploads", "v1", "e1", 100, "2026-11-22T10:15:30.000Z")
    if probability is None:
        reason = Rejected(Code.EMPTY, "The file is empty.")
        return screened(upload, reject(reason, DEFAULT_CUTOFF, AT), CLAIM)
    answer = Answer(Decimal(probability), None, None)
    return screened(upload, judge(answer, DEFAULT_CUTOFF, AT), CLAIM)


def body(key: str, probability: str | None = "0.93") -> str:
    return alert_message(record(key, probability)).texts["default"]


@dataclass
class Topic:
    """Records published messages with their times; fails on request."""

    sent: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    broken: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def publish_batch(
        self,
        TopicArn: str,  # noqa: N803
        PublishBatchRequestEntries: list[dict[str, Any]],  # noqa: N803
    ) -> dict[str, Any]:
        (entry,) = PublishBatchRequestEntries
        if self.broken:
            return {"Failed": [{"Id": entry["Id"], "Code": "InternalError"}]}
        with self._lock:
            self.sent.append((time.monotonic(), entry))
        return {"Failed": []}

    @property
    def films(self) -> list[list[str]]:
        texts = [json.loads(entry["Message"])["default"] for _, entry in self.sent]
        return [[film["key"] for film in json.loads(text)["films"]] for text in texts]


@pytest.fixture
def topic() -> Topic:
    return Topic()


@pytest.fixture
def config(cloud: Cloud) -> Config:
    people = cloud.sqs.create_queue(QueueName="people")["QueueUrl"]
    return Config(
        stack_name="cxr-alert",
        notifications_topic_arn="arn:aws:sns:us-east-1:123456789012:notifications",
        people_queue_url=people,
        people_dead_letter_queue_url=cloud.dead_letters,
        digest_seconds=1,
        retry_seconds=1,
        most_tries=100,
    )


@dataclass
class Parameters:
    """SSM as the worklist's stack leaves it, without a worklist, or not answering."""

    address: str = ""
    share: str = "0"
    broken: bool = False
    asked: int = 0

    def get_parameter(self, Name: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        self.asked += 1
        if self.broken:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "GetParameter")
        if not self.address:
            raise ClientError({"Error": {"Code": "ParameterNotFound"}}, "GetParameter")
        known = {
            "/cxr-alert/worklist-address": self.address,
            "/cxr-alert/worklist-sample-share": self.share,
        }
        return {"Parameter": {"Name": Name, "Value": known[Name]}}


def clients(cloud: Cloud, topic: Topic, parameters: Parameters | None = None) -> NotifyClients:
    ssm = parameters or Parameters()
    return NotifyClients(sns=topic, ssm=ssm, make_sqs=lambda: cloud.sqs)  # type: ignore[arg-type]


@pytest.fixture
def notify(cloud: Cloud, topic: Topic, config: Config) -> Handler[Failures]:
    return make_handler(config, clients(cloud, topic))


def message(text: str) -> dict[str, Any]:
    return {
        "messageId": str(uuid.uuid4()),
        "receiptHandle": "a handle",
        "body": text,
        "attributes": {"ApproximateReceiveCount": "1"},
    }


def run(notify: Handler[Failures], *messages: dict[str, Any]) -> list[str]:
    answer = notify({"Records": list(messages)}, Context())
    return [failed["itemIdentifier"] for failed in answer["batchItemFailures"]]


def test_a_single_film_is_sent_at_once(notify: Handler[Failures], topic: Topic) -> None:
    began = time.monotonic()
    assert run(notify, message(body("a.jpeg"))) == []
    ((at, entry),) = topic.sent
    assert entry["Subject"] == "Possible pneumonia: 1 film to review"
    # The message is sent first; only then does the wait begin.
    assert at - began < time.monotonic() - at


def test_collected_positives_are_one_message_and_rejects_another(
    notify: Handler[Failures], topic: Topic
) -> None:
    films = [message(body(f"{number}.jpeg", f"0.{number + 10}")) for number in range(50)]
    assert run(notify, *films, message(body("b.pdf", None)), films[0]) == []
    positives, rejects = topic.films
    assert positives == [f"{number}.jpeg" for number in reversed(range(50))]
    assert rejects == ["b.pdf"]


def test_a_message_that_failed_is_sent_again(
    notify: Handler[Failures], topic: Topic, cloud: Cloud, config: Config
) -> None:
    cloud.sqs.send_message(QueueUrl=config.people_queue_url, MessageBody=body("a.jpeg"))
    (found,) = cloud.sqs.receive_message(QueueUrl=config.people_queue_url)["Messages"]
    told = message(found["Body"]) | {"receiptHandle": found["ReceiptHandle"]}
    topic.broken = True
    assert run(notify, told) == [told["messageId"]]
    topic.broken = False
    again = cloud.sqs.receive_message(QueueUrl=config.people_queue_url, WaitTimeSeconds=10)
    assert run(notify, message(again["Messages"][0]["Body"])) == []
    assert topic.films == [["a.jpeg"]]


def test_a_message_that_is_not_an_alert_is_dead_lettered(
    notify: Handler[Failures], topic: Topic, cloud: Cloud
) -> None:
    assert run(notify, message("no alert"), message(body("a.jpeg"))) == []
    assert cloud.given_up() == ["no alert"]
    assert topic.films == [["a.jpeg"]]


@pytest.mark.parametrize("batch", [1, 10, 100])
def test_never_more_than_two_messages_a_second_however_many_come(
    notify: Handler[Failures], topic: Topic, batch: int
) -> None:
    """Invoke it like SQS: batch after batch, two at a time."""
    batches = [
        [message(body(f"{number}-{film}.jpeg")) for film in range(batch)] for number in range(7)
    ]
    with ThreadPoolExecutor(2) as at_once:
        list(at_once.map(lambda each: run(notify, *each), batches))
    assert sum(map(len, topic.films)) == 7 * batch
    times = sorted(at for at, _ in topic.sent)
    for first, third in zip(times, times[2:], strict=False):
        assert third - first >= 1


def test_the_digest_says_where_to_look_the_films_up(
    cloud: Cloud, topic: Topic, config: Config
) -> None:
    address = replace(config, look_up_url="https://worklist.example.org")
    notify = make_handler(address, clients(cloud, topic))
    run(notify, message(body("a.jpeg")))
    assert "https://worklist.example.org" in json.loads(topic.sent[0][1]["Message"])["email"]


def test_mails_link_to_the_worklist_soon_after_it_is_deployed(
    cloud: Cloud, topic: Topic, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws.worklist, "KNOWN_SECONDS", 1)  # as long as a mail waits for the next
    parameters = Parameters()
    notify = make_handler(config, clients(cloud, topic, parameters))
    run(notify, message(body("before.jpeg")))
    parameters.address = "https://worklist.example.org"
    run(notify, message(body("after.jpeg")))
    texts = [json.loads(entry["Message"])["email"] for _, entry in topic.sent]
    assert ["https://worklist.example.org/#film/" in text for text in texts] == [False, True]


@pytest.mark.parametrize("address", ["", "https://worklist.example.org"])
def test_a_parameter_and_its_absence_are_remembered(
    cloud: Cloud, topic: Topic, config: Config, address: str
) -> None:
    parameters = Parameters(address)
    notify = make_handler(config, clients(cloud, topic, parameters))
    for name in ("a.jpeg", "b.jpeg"):
        run(notify, message(body(name)))
    assert parameters.asked == 2, "the share and the address"
