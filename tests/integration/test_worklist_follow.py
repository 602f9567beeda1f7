"""The worklist has an entry for each screening record, until the record expires."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import boto3
import pytest
from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError
from moto import mock_aws

import worklist.enlist
import worklist.precision
import worklist.remind
from aws.clients import WorklistClients
from aws.worklist import OptionalParameters, WorklistParameters
from screening.film_name import film_name
from screening.judgement import Answer, judge
from screening.precision import FEWEST_REVIEWED, sentence
from screening.record import Claim, attributes, screened
from screening.upload import Upload
from tests.integration.test_worklist_table import _tables, create_screenings_table
from tests.unit.test_worklist_rules import review
from worklist.rules.entry import with_review
from worklist.rules.review import Reading
from worklist.tables.reviews_table import ReviewsTable
from worklist.tables.worklist_table import WorklistTable

AT = datetime(2026, 11, 22, 10, 15, 31, tzinfo=UTC)
_to_dynamodb = TypeSerializer().serialize


@pytest.fixture
def tables(aws_environment: None) -> Iterator[tuple[WorklistTable, ReviewsTable]]:
    with mock_aws():
        found = _tables("follow")
        create_screenings_table(found[0].client, "screenings")
        yield found


@pytest.fixture
def clients(tables: tuple[WorklistTable, ReviewsTable]) -> WorklistClients:
    return WorklistClients(dynamodb=tables[0].client, s3=None, sns=Mails(), ssm=None, make_sqs=None)  # type: ignore[arg-type]


class Mails:
    def __init__(self) -> None:
        self.sent: list[str] = []

    def publish(self, Message: str, **_: Any) -> None:  # noqa: N803
        self.sent.append(Message)


def record(
    key: str, version: str = "v1", hour: int = 10, model: str | None = None
) -> dict[str, Any]:
    upload = Upload(key, version, "uploads", version, "e1", 100, f"2026-11-22T{hour}:15:30.000Z")
    judgement = judge(Answer(Decimal("0.93"), model, None), Decimal("0.1"), AT)
    found = screened(upload, judgement, Claim("one", "2026-11-22T10:17:31.123Z"))
    return {name: _to_dynamodb(value) for name, value in attributes(found).items()}


def inserted(number: str, image: dict[str, Any]) -> dict[str, Any]:
    return {"dynamodb": {"SequenceNumber": number, "NewImage": image}}


def removed(number: str, key: str) -> dict[str, Any]:
    keys = {"key": {"S": key}, "version": {"S": "v1"}}
    return {"dynamodb": {"SequenceNumber": number, "Keys": keys}}


def follow(tables: tuple[WorklistTable, ReviewsTable], clients: WorklistClients) -> Any:
    entries, reviews = tables
    config = worklist.enlist.Config(
        entries.table, reviews.table, "screenings", Decimal(0), "https://q.example"
    )
    return worklist.enlist.make_handler(config, clients)


def test_an_unreadable_record_is_named_and_those_before_it_are_entered(
    tables: tuple[WorklistTable, ReviewsTable], clients: WorklistClients
) -> None:
    changes = [inserted("1", record("a.jpeg")), inserted("2", {"key": {"S": "b.jpeg"}})]
    answer = follow(tables, clients)({"Records": changes}, None)
    # Lambda halves the batch, retries from there, and finally puts that record into a queue.
    assert answer == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert tables[0].find(film_name("a.jpeg", "v1"))


def rejected(key: str, version: str, hour: int) -> dict[str, Any]:
    found = record(key, version, hour) | {"finding": {"S": "REJECTED"}}
    del found["probability"]
    return found | {"reason": {"S": "no film"}, "code": {"S": "format"}}


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_reject_leaves_the_list_when_a_newer_version_was_screened(
    tables: tuple[WorklistTable, ReviewsTable], clients: WorklistClients, newest_first: bool
) -> None:
    records = [rejected("a.jpeg", "v1", 10), record("a.jpeg", "v2", 11)]
    for each in records:
        clients.dynamodb.put_item(TableName="screenings", Item=each)
    changes = [inserted(str(n), each) for n, each in enumerate(records)]
    order = changes[::-1] if newest_first else changes
    assert follow(tables, clients)({"Records": order}, None) == {"batchItemFailures": []}
    reject = tables[0].find(film_name("a.jpeg", "v1"))
    assert reject is not None
    assert reject.replaced == film_name("a.jpeg", "v2")
    assert reject.state == "not-asked"


def test_an_entry_is_deleted_with_its_record(
    tables: tuple[WorklistTable, ReviewsTable], clients: WorklistClients
) -> None:
    handler = follow(tables, clients)
    film = film_name("a.jpeg", "v1")
    handler({"Records": [inserted("1", record("a.jpeg"))]}, None)
    tables[0].client.put_item(
        TableName=tables[1].table,
        Item={name: {"S": value} for name, value in REVIEW.items()}
        | {"film": {"S": film}}
        | {"cutoff": {"N": "0.1"}, "score_seen": {"BOOL": True}, "hidden": {"BOOL": False}},
    )
    assert len(tables[1].of_film(film)) == 1
    assert handler({"Records": [removed("2", "a.jpeg")]}, None) == {"batchItemFailures": []}
    assert tables[0].find(film) is None
    assert tables[1].of_film(film) == []


REVIEW = {
    "review": "0123456789abcdef",
    "month": "2026-11",
    "reader": "dr-lee",
    "time": "2026-11-22T12:00:00.000Z",
    "reading": "PNEUMONIA",
    "finding": "PNEUMONIA",
    "uploaded": "2026-11-22T10:15:30.000Z",
    "classified": "2026-11-22T10:15:31.000Z",
}


class Refusing:
    """A table's client whose writes for a film fail as often as its count."""

    def __init__(self, client: Any, times: dict[str, int]) -> None:
        self._client, self._times = client, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_item(self, **call: Any) -> Any:
        key = call["Item"]["key"]["S"]
        # The first write of a run only tests whether the table accepts writes.
        if "reminded" in call["Item"] and self._times.get(key, 0) > 0:
            self._times[key] -= 1
            raise ClientError({"Error": {"Code": "InternalServerError"}}, "PutItem")
        return self._client.put_item(**call)


def reminders(entries: WorklistTable, clients: WorklistClients, client: Any) -> Any:
    config = worklist.remind.Config(entries.table, "https://w.example", "topic", 4)
    return worklist.remind.make_handler(config, replace(clients, dynamodb=client))


def test_a_mark_that_fails_does_not_stop_others_and_is_tried_again(
    tables: tuple[WorklistTable, ReviewsTable], clients: WorklistClients
) -> None:
    follow(tables, clients)(
        {"Records": [inserted(str(n), record(f"{n}.jpeg")) for n in range(3)]}, None
    )
    refusing = Refusing(tables[0].client, {"0.jpeg": 1, "1.jpeg": 2})
    remind = reminders(tables[0], clients, refusing)
    with pytest.raises(worklist.remind.NotMarked, match=r"^1 films"):
        remind({}, None)
    assert [remind({}, None)["reminded"] for _ in range(2)] == [1, 0]
    assert len(clients.sns.sent) == 2  # type: ignore[attr-defined]


def test_no_reminder_is_repeated_while_the_table_accepts_no_writes(
    tables: tuple[WorklistTable, ReviewsTable], clients: WorklistClients
) -> None:
    follow(tables, clients)({"Records": [inserted("1", record("a.jpeg"))]}, None)

    class Full(Refusing):
        def put_item(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "PutItem")

    remind = reminders(tables[0], clients, Full(tables[0].client, {}))
    for _ in range(3):
        with pytest.raises(ClientError):
            remind({}, None)
    assert clients.sns.sent == []  # type: ignore[attr-defined]


def test_a_reminder_takes_as_many_films_as_it_can_mark_and_the_next_continues(
    tables: tuple[WorklistTable, ReviewsTable],
    clients: WorklistClients,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worklist.remind, "MOST_FILMS", 3)
    handler = follow(tables, clients)
    handler({"Records": [inserted(str(n), record(f"{n}.jpeg")) for n in range(5)]}, None)
    config = worklist.remind.Config(tables[0].table, "https://w.example", "topic", 4)
    remind = worklist.remind.make_handler(config, clients)
    assert [remind({}, None)["reminded"] for _ in range(3)] == [3, 2, 0]
    assert len(clients.sns.sent) == 2  # type: ignore[attr-defined]


def test_local_precision_is_published_for_mails_and_results(
    tables: tuple[WorklistTable, ReviewsTable], clients: WorklistClients
) -> None:
    entries, reviews = tables
    config = worklist.precision.Config(
        entries.table, reviews.table, "/cxr-alert/worklist-precision"
    )
    ssm = boto3.client("ssm")
    run = worklist.precision.make_handler(config, replace(clients, ssm=ssm))
    assert run({}, None) == {"networks": 0}
    for number in range(FEWEST_REVIEWED):
        key = f"{number}.jpeg"
        follow(tables, clients)({"Records": [inserted("1", record(key, model="net"))]}, None)
        entry = entries.find(film_name(key, "v1"))
        assert entry
        reading = Reading.NORMAL if number % 5 == 0 else Reading.PNEUMONIA
        said = replace(review(entry, reading, "dr-lee"), model=entry.model)
        assert reviews.add(said, entries.write(with_review(entry, said)))
    assert run({}, None) == {"networks": 1}
    left = WorklistParameters(OptionalParameters(boto3_client=ssm), "/cxr-alert/worklist")
    found = left.precision("net")
    assert sentence(found) == (
        f"Here, 40 of the last {FEWEST_REVIEWED} such alerts were confirmed, 67 to 89 %."
    )
    assert left.precision("another") is None


def test_without_a_worklist_there_is_no_local_precision(aws_environment: None) -> None:
    with mock_aws():
        provider = OptionalParameters(boto3_client=boto3.client("ssm"))
        assert WorklistParameters(provider, "/cxr-alert/worklist").precision("net") is None
