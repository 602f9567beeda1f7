"""Every judgement is sent to the results queue: negatives, rejects and rescreenings too."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from boto3.dynamodb.types import TypeSerializer
from moto import mock_aws

from aws.clients import PublishClients
from cxr_alert.operate.application import Application
from cxr_alert.operate.redrive import Redriven, redrive
from publish.handler import Config, make_handler
from screening.judgement import Answer, judge, reject
from screening.precision import LocalPrecision, as_text
from screening.record import Claim, Record, attributes, rejudged, screened
from screening.refusals import Code, Rejected
from screening.result import ResultRequest, as_judged, read_result_request, written
from screening.upload import CHECK_PREFIX, MalformedMessage, Upload
from tests.docs.valid import valid

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

AT = datetime(2026, 11, 22, 10, 15, 31, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 8, 0, 0, tzinfo=UTC)
CUTOFF = Decimal("0.1")
PARAMETER = "/cxr-alert/worklist-precision"
_to_dynamodb = TypeSerializer().serialize


@pytest.fixture
def sqs(aws_environment: None) -> Iterator["SQSClient"]:
    with mock_aws():
        yield boto3.client("sqs")


@pytest.fixture
def queue(sqs: "SQSClient") -> str:
    return sqs.create_queue(QueueName="results")["QueueUrl"]


def record(
    key: str = "a.dcm", probability: str | None = "0.93", model: str | None = None
) -> Record:
    upload = Upload(key, "v1", "uploads", "v1", "e1", 100, "2026-11-22T10:15:30.000Z")
    judgement = (
        judge(Answer(Decimal(probability), model, None), CUTOFF, AT)
        if probability
        else reject(Rejected(Code.UNREADABLE, "No."), CUTOFF, AT)
    )
    return screened(upload, judgement, Claim("one", "2026-11-22T10:17:31.123Z"))


def again(before: Record) -> Record:
    judgement = judge(Answer(Decimal("0.02"), None, None), CUTOFF, LATER)
    return rejudged(before, judgement, alert=True)


def change(number: int, image: Record | dict[str, Any] | None, event: str) -> dict[str, Any]:
    flat = attributes(image) if isinstance(image, Record) else image
    told: dict[str, Any] = {"SequenceNumber": str(number), "Keys": {}}
    if flat is not None:
        told["NewImage"] = {name: _to_dynamodb(value) for name, value in flat.items()}
    return {"eventName": event, "dynamodb": told}


def publish(sqs: "SQSClient", queue: str, *changes: dict[str, Any]) -> Any:
    return make_handler(
        Config(queue, "/cxr-alert/worklist"), PublishClients(sqs, boto3.client("ssm"))
    )({"Records": list(changes)}, None)


def bodies(sqs: "SQSClient", queue: str) -> list[str]:
    found = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        found += [each["Body"] for each in messages]
    return found


def test_each_judgement_is_published_once_for_every_finding(sqs: "SQSClient", queue: str) -> None:
    normal, rejected, positive = record("n", "0.01"), record("r", None), record("p")
    answer = publish(
        sqs,
        queue,
        *(change(n, each, "INSERT") for n, each in enumerate((normal, rejected, positive))),
        change(3, replace(positive, claim=None), "MODIFY"),  # its alert was sent
        change(4, again(positive), "MODIFY"),
        change(5, None, "REMOVE"),
    )
    assert answer == {"batchItemFailures": []}
    told = [read_result_request(each) for each in bodies(sqs, queue)]
    first, second = normal.judgement.classified, again(positive).judgement.classified
    assert [(each.key, each.judged) for each in told] == [
        ("n", first), ("r", first), ("p", first), ("p", second),
    ]  # fmt: skip


def test_a_message_names_the_upload_and_the_judgement_and_nothing_else(
    sqs: "SQSClient", queue: str
) -> None:
    publish(sqs, queue, change(1, record(), "INSERT"))
    (body,) = bodies(sqs, queue)
    assert set(json.loads(body)) == {"key", "version", "judged"}


def test_a_positive_is_published_with_the_local_precision_of_its_network(
    sqs: "SQSClient", queue: str
) -> None:
    precision = LocalPrecision(41, 50, 0.69, 0.9)
    boto3.client("ssm").put_parameter(
        Name=PARAMETER, Value=as_text({"net": precision}), Type="String"
    )
    publish(
        sqs,
        queue,
        change(1, record("p", model="net"), "INSERT"),
        change(2, record("n", "0.01", model="net"), "INSERT"),
        change(3, record("other", model="other"), "INSERT"),
    )
    sent = bodies(sqs, queue)
    for body in sent:
        valid("result", json.loads(body))
    told = {each.key: each for each in map(read_result_request, sent)}
    assert [told[key].precision for key in ("p", "n", "other")] == [precision, None, None]
    assert read_result_request(written(told["p"])) == told["p"]


def test_without_a_worklist_its_precision_is_asked_for_once(sqs: "SQSClient", queue: str) -> None:
    ssm: Any = boto3.client("ssm")
    asked = []
    ssm.meta.events.register("before-call.ssm.GetParameter", lambda **_: asked.append(1))
    handler = make_handler(Config(queue, "/cxr-alert/worklist"), PublishClients(sqs, ssm))
    films = [change(each, record(str(each), model="net"), "INSERT") for each in range(3)]
    handler({"Records": films[:2]}, None)
    handler({"Records": films[2:]}, None)
    assert len(bodies(sqs, queue)) == 3
    assert len(asked) == 1


def test_test_films_and_repetitions_are_not_published(sqs: "SQSClient", queue: str) -> None:
    check = record(f"{CHECK_PREFIX}{'0' * 32}", "0.01")
    twin = replace(record(), same_as="v0")
    publish(sqs, queue, change(1, check, "INSERT"), change(2, twin, "INSERT"))
    assert bodies(sqs, queue) == []


def test_an_unreadable_record_is_named_and_those_before_it_are_published(
    sqs: "SQSClient", queue: str
) -> None:
    answer = publish(sqs, queue, change(1, record(), "INSERT"), change(2, {"key": "b"}, "INSERT"))
    # Lambda splits the batch there and retries, and finally sets that record aside: see the
    # template.
    assert answer == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert len(bodies(sqs, queue)) == 1


def test_with_the_queue_away_the_stream_tries_again(sqs: "SQSClient", queue: str) -> None:
    answer = publish(sqs, f"{queue}-away", change(7, record(), "INSERT"))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "7"}]}


def test_a_judgement_before_the_last_is_found_with_those_before_it() -> None:
    first = record()
    last = again(first)
    assert as_judged(last, last.judgement.classified) == last
    found = as_judged(last, first.judgement.classified)
    assert found
    assert (found.judgement, found.earlier) == (first.judgement, ())
    assert as_judged(last, "2020-01-01T00:00:00.000Z") is None


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"key": "a", "version": "", "judged": 1}'])
def test_other_messages_are_malformed(body: str) -> None:
    with pytest.raises(MalformedMessage):
        read_result_request(body)


def test_results_are_redriven_and_places_in_the_stream_stay(sqs: "SQSClient", queue: str) -> None:
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    sqs.send_message(QueueUrl=dead, MessageBody=written(ResultRequest("a", "v1", "2026")))
    sqs.send_message(QueueUrl=dead, MessageBody='{"DDBStreamBatchInfo": {}}')
    outputs = {"ResultsDeadLetterQueueUrl": dead, "ResultsQueueUrl": queue}
    moved = list(redrive(Application(outputs), "ResultsDeadLetterQueueUrl"))
    assert sum(moved, Redriven()) == Redriven(moved=1, left=1)
    assert [read_result_request(each).key for each in bodies(sqs, queue)] == ["a"]
