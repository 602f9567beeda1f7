"""A simulation of `reconcile` in a large bucket: the real function with simulated clients.

S3 and DynamoDB are simulated page by page, and the clock advances by the assumed duration of a
call. So nothing is measured, but the number of calls and the end of a run are the function's own.
"""

import contextlib
import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from aws.clients import ReconcileClients
from reconcile import handler as reconcile
from training.sagemaker.prices import read_prices

VERSIONS = 10_000_000
FILMS_A_DAY = 33_000
PAGE = 1000
LIST_SECONDS, READ_SECONDS = 0.15, 0.015  # for a page, for 100 reads
FUNCTION_SECONDS = 900
_BEGAN = datetime(2026, 11, 22, tzinfo=UTC)


@dataclass
class Bucket:
    """A number of versions with keys independent of their upload time, as in a hospital.

    All have a record except one of the last hour: its key is the last one of the bucket.
    """

    versions: int
    days: int  # over which they were uploaded
    at: datetime = _BEGAN
    note: str | None = None
    pages: int = 0
    reads: int = 0
    requests: int = 0
    announced: list[datetime] = field(default_factory=list)

    def lasts(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    @cached_property
    def _uploaded(self) -> list[datetime]:
        return [_BEGAN - timedelta(days=day, hours=1) for day in range(self.days)]

    def list_object_versions(self, KeyMarker: str = "", **_: object) -> dict[str, Any]:  # noqa: N803
        first = int(KeyMarker or 0)
        last = min(first + PAGE, self.versions)
        self.pages += 1
        self.lasts(LIST_SECONDS)
        return {
            "IsTruncated": last < self.versions,
            "NextKeyMarker": f"{last:012}",
            "NextVersionIdMarker": "v",
            "Versions": [
                {
                    "Key": f"{number:012}",
                    "VersionId": "v",
                    "ETag": '"e"',
                    "Size": 400_000,
                    "IsLatest": True,
                    "LastModified": self._uploaded[
                        0 if number == self.versions - 1 else number * 7919 % self.days
                    ],
                }
                for number in range(first, last)
            ],
        }

    def get_object(self, **_: object) -> dict[str, Any]:
        if self.note is None:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": io.BytesIO(self.note.encode())}

    def put_object(self, Body: bytes, **_: object) -> None:  # noqa: N803
        self.note = Body.decode()

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        ((table, asked),) = RequestItems.items()
        self.reads += len(asked["Keys"])
        self.requests += 1
        self.lasts(READ_SECONDS)
        lost = f"{self.versions - 1:012}"
        found = [key for key in asked["Keys"] if key["key"]["S"] != lost or self.announced]
        return {"Responses": {table: found}}

    def get_queue_attributes(self, **_: object) -> dict[str, Any]:
        names = ("", "NotVisible", "Delayed")
        return {"Attributes": {f"ApproximateNumberOfMessages{name}": "0" for name in names}}

    def send_message_batch(self, Entries: list[Any], **_: object) -> dict[str, Any]:  # noqa: N803
        self.announced += [self.at] * len(Entries)
        return {}


@dataclass
class _Context:
    bucket: Bucket
    began: datetime
    function_name: str = "reconcile"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:reconcile"
    aws_request_id: str = "simulated"

    def get_remaining_time_in_millis(self) -> int:
        gone = (self.bucket.at - self.began).total_seconds()
        return int((FUNCTION_SECONDS - gone) * 1000)


@dataclass(frozen=True)
class Found:
    """The result of the runs of some hours; `lost_hours` is until the lost film was enqueued."""

    hours: int
    pages: int
    reads: int
    longest_seconds: float
    lost_hours: float | None
    dollars_a_day: float


def simulate(versions: int, films_a_day: int, hours: int) -> Found:
    bucket: Any = Bucket(versions, max(1, versions // films_a_day))
    queue = "https://sqs.us-east-1.amazonaws.com/123456789012/queue"
    config = reconcile.Config(
        stack_name="cxr-alert",
        uploads_bucket="uploads",
        renditions_bucket="renditions",
        screenings_table="screenings",
        uploads_queue_url=queue,
        uploads_backfill_queue_url=queue,
        renditions_queue_url=queue,
        renditions_backfill_queue_url=queue,
        reconcile_days=14,
        grace_minutes=15,
        record_retention_days=0,
    )
    clients = ReconcileClients(s3=bucket, dynamodb=bucket, sqs=bucket)
    run = reconcile.make_handler(config, clients, lambda: bucket.at)
    took = []
    with _quietly():
        for hour in range(hours):
            bucket.at = began = _BEGAN + timedelta(hours=hour)
            run({}, _Context(bucket, began))
            took.append((bucket.at - began).total_seconds())
    prices = read_prices()["around"]
    dollars = (
        bucket.pages * prices["s3_put"]
        + bucket.reads * prices["dynamodb_read"] / 2
        + sum(took) * 0.5 * prices["lambda_gb_second"]
    )
    lost = [(at - _BEGAN).total_seconds() / 3600 for at in bucket.announced]
    return Found(
        hours, bucket.pages, bucket.reads, max(took), min(lost, default=None), dollars * 24 / hours
    )


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep the function's log lines and metrics off the terminal."""
    before = reconcile.logger.log_level
    reconcile.logger.setLevel(logging.CRITICAL)
    with contextlib.redirect_stdout(io.StringIO()):
        yield
    reconcile.logger.setLevel(before)


def rows(versions: int, hours: int) -> list[tuple[str, str]]:
    found = simulate(versions, FILMS_A_DAY, hours)
    lost = "not found" if found.lost_hours is None else f"found after {found.lost_hours:.0f} hours"
    return [
        ("versions in the bucket", f"{versions:,}"),
        ("films a day", f"{FILMS_A_DAY:,}"),
        ("longest run (limit 900 s)", f"{found.longest_seconds:.0f} s"),
        ("listed in a day, pages of 1,000", f"{found.pages * 24 / hours:,.0f}"),
        ("records read in a day", f"{found.reads * 24 / hours:,.0f}"),
        ("dollars a day", f"${found.dollars_a_day:.2f}"),
        ("a film without a record, the last key of the bucket", lost),
    ]
