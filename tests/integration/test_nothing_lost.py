"""Films without a record are found and enqueued; subscriptions are counted, alarms repeated."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from aws.clients import ReconcileClients, WatchClients
from aws.queue import Queue
from aws.screenings_table import Screenings
from aws.uploads_bucket import Versions
from reconcile import handler as reconcile
from reconcile.compare import MOST_HELD, Tally, compare
from screening.clock import now, stamp
from screening.lost import Span, span
from screening.upload import Upload
from tests.integration.classify_cloud import (
    REGION,
    Cloud,
    Context,
    EndpointStub,
    Function,
)
from watch import handler as watch

EVER = Span("1970-01-01T00:00:00.000Z", "2999-01-01T00:00:00.000Z")


@pytest.fixture
def config(cloud: Cloud) -> reconcile.Config:
    return reconcile.Config(
        stack_name="cxr-alert",
        uploads_bucket=cloud.bucket,
        renditions_bucket=cloud.renditions_bucket,
        screenings_table=cloud.table,
        uploads_queue_url=cloud.queue,
        uploads_backfill_queue_url=cloud.backfill_queue,
        renditions_queue_url=cloud.renditions_queue,
        renditions_backfill_queue_url=cloud.renditions_backfill_queue,
        reconcile_days=14,
        grace_minutes=0,
        record_retention_days=0,
    )


@pytest.fixture
def clients(cloud: Cloud) -> ReconcileClients:
    dynamodb = boto3.client("dynamodb", region_name=REGION)
    return ReconcileClients(s3=cloud.s3, dynamodb=dynamodb, sqs=cloud.sqs)


def waiting(cloud: Cloud, queue: str | None = None) -> list[str]:
    """Return the keys waiting in the uploads queue, or another."""
    keys = []
    while found := cloud.receive(queue):
        keys.append(json.loads(found["body"])["detail"]["object"]["key"])
    return sorted(keys)


def test_a_film_with_a_lost_event_is_found_and_screened(
    function: Function,
    cloud: Cloud,
    endpoint: EndpointStub,
    config: reconcile.Config,
    clients: ReconcileClients,
) -> None:
    endpoint.finds(0.93)
    function.handler({"Records": [cloud.drop("told.jpeg")]}, Context())
    cloud.drop("lost.jpeg")
    cloud.drop("folder/", b"")
    run = reconcile.make_handler(config, clients)
    run({}, Context())
    message = cloud.receive()
    assert message
    function.handler({"Records": [message]}, Context())
    assert {record["key"] for record in cloud.records()} == {"told.jpeg", "lost.jpeg"}
    assert waiting(cloud) == []
    run({}, Context())
    assert waiting(cloud) == []


def test_films_that_may_still_wait_are_not_enqueued_again_until_one_more_is_missing(
    cloud: Cloud, config: reconcile.Config, clients: ReconcileClients
) -> None:
    run = reconcile.make_handler(config, clients)
    body = cloud.drop("waits.jpeg")["body"]
    cloud.sqs.send_message(QueueUrl=cloud.queue, MessageBody=body)
    run({}, Context())
    assert Queue(lambda: cloud.sqs, cloud.queue).depth().ready == 1
    cloud.drop("lost.jpeg")
    run({}, Context())
    assert waiting(cloud) == ["lost.jpeg", "waits.jpeg", "waits.jpeg"]


def test_a_film_that_waits_to_be_rendered_is_not_lost(
    cloud: Cloud, config: reconcile.Config, clients: ReconcileClients
) -> None:
    body = cloud.drop("film.dcm")["body"]
    cloud.sqs.send_message(QueueUrl=cloud.renditions_queue, MessageBody=body)
    reconcile.make_handler(config, clients)({}, Context())
    assert waiting(cloud) == []


def test_films_of_a_backfill_are_compared_once_none_waits_any_more(
    cloud: Cloud, config: reconcile.Config, clients: ReconcileClients
) -> None:
    clock = Clock()
    clock.ahead = timedelta(days=3)  # a film of today would be overdue
    run = reconcile.make_handler(config, clients, clock)
    waits, _ = cloud.drop("backfill/waits.jpeg")["body"], cloud.drop("backfill/lost.jpeg")
    cloud.drop("lost.jpeg")
    cloud.sqs.send_message(QueueUrl=cloud.backfill_queue, MessageBody=waits)
    run({}, Context())
    assert waiting(cloud) == ["lost.jpeg"]
    assert waiting(cloud, cloud.backfill_queue) == ["backfill/waits.jpeg"]

    cloud.sqs.purge_queue(QueueUrl=cloud.backfill_queue)
    clock.ahead += timedelta(days=1)
    run({}, Context())
    assert waiting(cloud) == ["lost.jpeg"]
    assert waiting(cloud, cloud.backfill_queue) == ["backfill/lost.jpeg", "backfill/waits.jpeg"]


def test_the_function_counts_its_findings(
    cloud: Cloud,
    config: reconcile.Config,
    clients: ReconcileClients,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for number in range(3):
        cloud.drop(f"{number}.jpeg")
    reconcile.make_handler(config, clients)({}, Context())
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (counted,) = [line for line in lines if "_aws" in line]
    assert counted["UploadsAnnouncedAnew"] == counted["UploadsWithoutRecord"] == [3.0]
    assert counted["stack"] == "cxr-alert"


class Clock:
    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return now() + self.ahead


def test_a_run_without_time_leaves_the_rest_to_the_next(
    cloud: Cloud,
    config: reconcile.Config,
    clients: ReconcileClients,
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Late(Context):
        def get_remaining_time_in_millis(self) -> int:
            return 1000

    store = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    for number in range(1001):  # two pages
        store.put_object(cloud.bucket, f"{number:04}.jpeg", b"film")
    run = reconcile.make_handler(replace(config, grace_minutes=15), clients)
    for _ in range(3):
        run({}, Late())
    logged = [vars(each) for each in caplog.records if each.message == "Compared"]
    compared = [(each["seen"], each["ended"]) for each in logged]
    assert compared == [(1000, False), (1, True), (1000, False)]  # then a new pass


def test_a_lost_film_is_found_within_a_day_where_others_always_wait(
    cloud: Cloud, config: reconcile.Config, clients: ReconcileClients
) -> None:
    clock = Clock()
    cloud.drop("lost.jpeg")
    run = reconcile.make_handler(config, clients, clock)
    found = []
    for hour in range(25):
        clock.ahead = timedelta(hours=hour, minutes=1)
        body = cloud.drop(f"{hour}.txt", b"")["body"]
        cloud.sqs.send_message(QueueUrl=cloud.queue, MessageBody=body)
        cloud.s3.delete_objects(
            Bucket=cloud.bucket,
            Delete={
                "Objects": [
                    {"Key": each["Key"], "VersionId": each["VersionId"]}
                    for each in cloud.s3.list_object_versions(Bucket=cloud.bucket)["Versions"]
                    if each["Key"] != "lost.jpeg"
                ]
            },
        )
        run({}, Context())
        if "lost.jpeg" in waiting(cloud):
            found.append(hour)
    assert found == [24]


def test_a_slice_in_which_something_failed_is_compared_again(
    cloud: Cloud, config: reconcile.Config, clients: ReconcileClients
) -> None:
    cloud.drop("lost.jpeg")
    broken = replace(config, screenings_table="gone")
    with pytest.raises(ClientError):
        reconcile.make_handler(broken, clients)({}, Context())
    reconcile.make_handler(config, clients)({}, Context())
    assert waiting(cloud) == ["lost.jpeg"]


def test_new_films_and_films_with_expired_records_are_left_alone() -> None:
    at = datetime(2026, 11, 25, tzinfo=UTC)

    def upload(age: timedelta) -> Upload:
        return Upload("a", "v", "b", "v", "e", 1, stamp(at - age))

    within = span(at, timedelta(minutes=15), None, retention_days=30)
    assert upload(timedelta(minutes=5)) not in within
    assert upload(timedelta(minutes=20)) in within
    assert upload(timedelta(days=28)) in within
    assert upload(timedelta(days=30)) not in within
    assert upload(timedelta(days=900)) in span(at, timedelta(0), None, retention_days=0)


@dataclass
class Million:
    """A bucket of a million films without records; counts the objects in memory."""

    pages_read: int = 0
    announced: int = 0
    most_at_once: int = 0
    pages_listed: list[str] = field(default_factory=list)

    def pages(self, prefix: str) -> Iterator[list[Upload]]:
        for page in range(1000):
            self.pages_listed.append(prefix)
            yield [
                Upload(f"{page}/{number}", "v", "b", "v", "e", 1, "2026-11-01T00:00:00.000Z")
                for number in range(1000)
            ]

    def without_record(self, uploads: Any) -> list[Upload]:
        return list(uploads)

    def announce(self, uploads: Any) -> None:
        self.most_at_once = max(self.most_at_once, len(uploads))
        self.announced += len(uploads)


def test_a_million_versions_are_compared_page_by_page_in_bounded_memory() -> None:
    bucket = Million()
    *_, tally = compare(bucket, bucket, bucket, prefix="", within=EVER, waiting=10**9)
    assert tally == Tally(seen=10**6, missing=10**6, announced=10**6)
    assert bucket.announced == 10**6
    assert len(bucket.pages_listed) == 1000
    assert bucket.most_at_once <= MOST_HELD + 1000


def test_more_films_than_one_read_of_the_table_takes(cloud: Cloud) -> None:
    for number in range(120):
        cloud.drop(f"{number}.jpeg")
    (page,) = Versions(cloud.s3, cloud.bucket).pages("")
    records = Screenings(boto3.client("dynamodb", region_name=REGION), cloud.table)
    assert records.without_record(page) == page
    assert len(page) == 120


@dataclass
class Alarms:
    found: list[dict[str, Any]]

    def get_paginator(self, _: str) -> "Alarms":
        return self

    def paginate(self, **_: object) -> list[dict[str, Any]]:
        return [{"MetricAlarms": self.found}]


def test_subscriptions_are_counted_and_alarms_still_on_are_repeated(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    people = cloud.sns.create_topic(Name="notifications")["TopicArn"]
    operations = cloud.topic
    for address in ("a@example.org", "b@example.org"):
        cloud.sns.subscribe(TopicArn=people, Protocol="email", Endpoint=address)
    alarms = Alarms(
        [
            {
                "AlarmName": f"cxr-alert-{name}",
                "AlarmDescription": "Films fail.",
                "StateValue": state,
                "StateUpdatedTimestamp": now() - timedelta(minutes=minutes),
                "AlarmActions": [topic],
            }
            for name, state, minutes, topic in (
                ("films-failing", "ALARM", 90, operations),
                ("queue-age", "ALARM", 5, operations),
                ("rejects", "OK", 900, operations),
                ("drift", "ALARM", 900, operations),
                ("test-films-stuck", "ALARM", 90, f"{operations}-of-a-stack-named-cxr-alert-test"),
            )
        ]
    )
    config = watch.Config("cxr-alert", people, operations)
    watch.make_handler(config, WatchClients(cloud.sns, alarms))({}, Context())
    (counted,) = [
        json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line
    ]
    assert counted["PeopleSubscribed"] == [2.0]
    assert counted["AlarmsLasting"] == [1.0]
    (reminder,) = cloud.alerts()
    assert "cxr-alert-films-failing" in reminder["Message"]
    assert "queue-age" not in reminder["Message"]
    assert "cxr-alert-drift" not in reminder["Message"]  # it lasts for days
    assert "test-films-stuck" not in reminder["Message"]
