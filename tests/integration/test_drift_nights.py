"""The drift function against moto and a substitute for the endpoint, day after day."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import boto3
import pytest
from boto3.dynamodb.types import TypeSerializer
from moto import mock_aws

import drift.handler
from aws.clients import DriftClients
from aws.drift_table import DriftTable, Kept, Overtaken
from aws.screenings_table import Screenings
from drift.handler import Config, make_handler
from drift.state import read_state
from screening.clock import stamp
from screening.judgement import Answer, judge, reject
from screening.record import AlertState, Claim, Record, attributes, rejudged, screened
from screening.refusals import Code, Rejected
from screening.upload import CHECK_PREFIX, Upload
from tests.integration.classify_cloud import REGION, Context, EndpointStub
from tests.integration.test_worklist_table import _create, create_screenings_table

FIRST_DAYS = 3  # of the function's 56, for speed
NIGHT = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)  # counts the 22nd
CUTOFF = Decimal("0.1")
_to_dynamodb = TypeSerializer().serialize


@dataclass
class Site:
    """The function and its services."""

    clients: DriftClients
    screenings: Screenings
    topic: str
    queue: str
    endpoint: EndpointStub
    at: datetime = NIGHT

    def __post_init__(self) -> None:
        config = Config(
            "cxr-alert", "cxr-alert", "screenings", "cxr-alert-drift", self.topic, "reviews"
        )
        self._handler = make_handler(config, self.clients, lambda: self.at)

    def run(self, nights: int = 0) -> None:
        """Run the function that many days later."""
        self.at += timedelta(days=nights)
        self._handler({}, Context("drift"))

    @property
    def table(self) -> DriftTable:
        return DriftTable(self.clients.dynamodb, "cxr-alert-drift")

    @property
    def shown(self) -> dict[str, Any]:
        kept = self.table.read()
        assert kept
        found: dict[str, Any] = json.loads(kept.shown)
        return found

    def screen(self, count: int, probability: str | None = "0.02", **how: Any) -> list[Record]:
        """Screen that many films on the day that the next run counts."""
        day = self.at - timedelta(days=1)
        made = [record(day, n, probability, **how) for n in range(count)]
        items = [{n: _to_dynamodb(v) for n, v in attributes(each).items()} for each in made]
        puts: list[Any] = [{"PutRequest": {"Item": item}} for item in items]
        for start in range(0, count, 25):
            batch = {"screenings": puts[start : start + 25]}
            self.clients.dynamodb.batch_write_item(RequestItems=batch)
        return made

    def messages(self) -> list[str]:
        sqs = boto3.client("sqs")
        found = []
        while got := sqs.receive_message(QueueUrl=self.queue).get("Messages"):
            (message,) = got
            sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
            found.append(json.loads(message["Body"])["Message"])
        return found


def record(
    day: datetime,
    number: int,
    probability: str | None,
    key: str = "ward/{day}-{number}.dcm",
    code: str = Code.UNREADABLE,
) -> Record:
    at = day.replace(hour=8) + timedelta(seconds=number)
    name = key.format(day=day.date(), number=number)
    upload = Upload(name, f"v{number}", "uploads", f"v{number}", "e", 100, stamp(at))
    judgement = (
        judge(Answer(Decimal(probability), "cxr-test-1", None), CUTOFF, at)
        if probability
        else reject(Rejected(code, "No."), CUTOFF, at)
    )
    return replace(screened(upload, judgement, Claim("one", "x")), alert=AlertState.NOT_NEEDED)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    drift.handler.logger.handlers[0].setStream(stream)  # type: ignore[attr-defined]
    return stream


@pytest.fixture
def site(
    aws_environment: None,
    endpoint: EndpointStub,
    log: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Site]:
    monkeypatch.setattr(drift.handler, "FIRST_DAYS", FIRST_DAYS)
    endpoint.finds(0.25)
    with mock_aws():
        dynamodb, sns, sqs = boto3.client("dynamodb"), boto3.client("sns"), boto3.client("sqs")
        create_screenings_table(dynamodb, "screenings")
        _create(dynamodb, "reviews", ["film", "review"], {"by-time": ["month", "time"]})
        dynamodb.create_table(
            TableName="cxr-alert-drift",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
        )
        topic = sns.create_topic(Name="operations")["TopicArn"]
        queue = sqs.create_queue(QueueName="operations")["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:123456789012:operations"
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        asked = boto3.client("sagemaker-runtime", endpoint_url=endpoint.url)
        clients = DriftClients(dynamodb, asked, sns)
        yield Site(clients, Screenings(dynamodb, "screenings"), topic, queue, endpoint)


_after_nine_days: list[dict[str, Any]] = []  # what the function then keeps, of all tests


def settle(site: Site) -> None:
    """Let nine days pass, once for all tests; then the reference is full."""
    dynamodb, table = site.clients.dynamodb, site.table.table
    if _after_nine_days:
        for item in _after_nine_days:
            dynamodb.put_item(TableName=table, Item=item)
        site.at += timedelta(days=9)
        return
    for _ in range(9):
        site.screen(60, "0.02")
        site.screen(15, "0.9", key="ward/{day}-ill-{number}.dcm")
        site.run()
        site.at += timedelta(days=1)
    assert site.messages() == []
    _after_nine_days.extend(dynamodb.scan(TableName=table)["Items"])


def test_each_day_is_counted_once_even_if_the_schedule_calls_repeatedly(site: Site) -> None:
    site.screen(7)
    site.run()
    site.run()
    days = site.shown["days"]
    assert [(each["day"], each["films"]) for each in days] == [("2026-11-22", 7)]
    site.run(nights=3)
    assert [each["day"][-2:] for each in site.shown["days"]] == ["22", "23", "24", "25"]


def test_of_two_concurrent_runs_only_one_counts_the_day(site: Site) -> None:
    site.run()
    kept = site.table.read()
    assert kept
    site.table.write(kept, "one", "one", "2026-11-23")
    with pytest.raises(Overtaken):
        site.table.write(kept, "two", "two", "2026-11-23")
    assert site.table.read() == Kept("one", "one", "2026-11-23", "")


def test_only_films_that_are_new_count(site: Site) -> None:
    """Test films, copies of the same bytes and rescreened films do not count."""
    site.screen(3)
    site.screen(1, key=f"{CHECK_PREFIX}{'0' * 32}")
    (copied,) = site.screen(1, key="ward/copy.dcm", probability="0.5")
    site.screenings.add(replace(copied, version="v9", same_as="v0"))
    site.run()
    assert site.shown["days"][-1]["films"] == 4
    (old,) = site.screenings.of_key("ward/2026-11-22-0.dcm")
    site.at += timedelta(days=1)
    again = judge(Answer(Decimal("0.9"), "cxr-test-1", None), CUTOFF, NIGHT + timedelta(hours=9))
    assert site.screenings.rejudge(old, rejudged(old, again, alert=False))
    site.screen(2)
    site.run()
    assert [each["films"] for each in site.shown["days"]] == [4, 2]


def test_a_new_machine_is_named_in_one_message_with_its_films(site: Site) -> None:
    settle(site)
    for _ in range(3):
        site.screen(40, "0.02")
        site.screen(10, "0.9", key="ward/{day}-ill-{number}.dcm")
        site.screen(30, None, key="room 2/{day}-{number}.dcm", code="inverted")
        site.run()
        site.at += timedelta(days=1)
    first, *more = site.messages()
    assert more == []
    assert "More films are rejected than in the reference, with the code inverted." in first
    assert "  room 2/2026-12-01-29.dcm" in first
    assert site.shown["signals"][0]["name"] == "refused-up:inverted"


def test_new_signals_come_before_those_already_reported(site: Site) -> None:
    settle(site)
    site.endpoint.finds(0.3)
    site.run()
    assert len(site.messages()) == 1
    site.at += timedelta(days=1)
    site.screen(60, None)
    site.run()
    (text,) = site.messages()
    assert text.index("films are rejected") < text.index("sample films")


def test_a_message_that_was_not_sent_is_sent_by_the_next_run(site: Site) -> None:
    settle(site)
    site.screen(60, None)
    site.clients.sns.delete_topic(TopicArn=site.topic)
    with pytest.raises(Exception, match="NotFound"):
        site.run()
    site.clients.sns.create_topic(Name="operations")
    arn = f"arn:aws:sqs:{REGION}:123456789012:operations"
    site.clients.sns.subscribe(TopicArn=site.topic, Protocol="sqs", Endpoint=arn)
    site.run()
    (text,) = site.messages()
    assert text.startswith("Look: ")
    assert len(site.shown["days"]) == 10


def test_a_sample_film_with_another_answer_raises_a_signal(site: Site) -> None:
    site.run()
    site.run(nights=1)
    assert site.messages() == []
    site.endpoint.finds(0.250001)
    site.run(nights=1)
    (text,) = site.messages()
    assert "6 of 6 sample films get another answer" in text
    assert "0.250001, then 0.250000" in text
    site.endpoint.finds(0.25)
    site.run(nights=1)
    assert site.shown["signals"] == []


def test_the_samples_of_the_shipped_network_are_known(site: Site) -> None:
    headers = {"X-Amzn-SageMaker-Custom-Attributes": "model=cxr-resnet18-b0727b36"}
    reply = EndpointStub.probabilities([0.75, 0.25])
    site.endpoint.says(replace(reply, headers={**reply.headers, **headers}))
    site.run()
    assert [each["name"] for each in site.shown["signals"]] == ["samples-known"]


def test_an_unreachable_endpoint_does_not_prevent_counting_the_day(
    site: Site, log: io.StringIO
) -> None:
    site.endpoint.says(EndpointStub.model_error(500, "away"))
    site.screen(5)
    site.run()
    assert site.shown["days"][-1]["films"] == 5
    assert site.shown["signals"] == []
    assert "could not be classified" in log.getvalue()


def test_reviews_are_counted_on_their_day(site: Site) -> None:
    site.screen(1)
    said = {"finding": "PNEUMONIA", "month": "2026-11", "model": "cxr-test-1"}
    for number, (reading, day) in enumerate(
        [("PNEUMONIA", 22), ("NORMAL", 22), ("UNSURE", 22), ("PNEUMONIA", 21)]
    ):
        review = {**said, "reading": reading, "time": f"2026-11-{day}T10:00:00.000Z"}
        names = {"film": f"film {number}", "review": "r", **review}
        site.clients.dynamodb.put_item(
            TableName="reviews", Item={name: {"S": value} for name, value in names.items()}
        )
    site.run()
    last = site.shown["days"][-1]
    assert (last["confirmed"], last["reviewed"]) == (1, 2)


def test_a_person_can_have_a_new_reference_begin(site: Site) -> None:
    settle(site)
    site.table.ask_for_new_reference(stamp(site.at))
    site.screen(5)
    site.run()
    assert site.shown["since"] == "2026-12-01"
    assert site.shown["referenceFilms"] == 5
    site.run(nights=1)
    assert site.shown["since"] == "2026-12-01"


def test_six_metrics_and_no_key_in_the_log(
    site: Site, log: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    settle(site)
    site.screen(200, "0.02")
    capsys.readouterr()
    site.run()
    (told,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    names = {each["Name"] for each in told["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert names == {
        "DriftDaysBehind", "DriftSignals", "SampleFilmsChanged", "SharePositive", "ShareRefused",
        "ProbabilityDistance",
    }  # fmt: skip
    assert "ward" not in log.getvalue()
    kept = site.table.read()
    assert kept
    assert read_state(kept.state).through == "2026-12-01"
