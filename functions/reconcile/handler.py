"""The handler of `reconcile`: on a schedule, enqueues uploads again that have no record."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from aws.clients import ReconcileClients
from aws.handler import Handler
from aws.note import Note
from aws.queue import Lanes, Queue
from aws.screenings_table import Screenings
from aws.uploads_bucket import Versions
from reconcile.compare import Tally, compare
from reconcile.passes import Mark, Pass, next_pass, overdue_before, read_pass, write_pass
from screening.clock import now
from screening.config import BUCKET, DAYS, NAMESPACE, STACK, TABLE, URL, Variable
from screening.lost import span
from screening.upload import Upload

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SERVICE = "reconcile"  # template.yaml's alarms select the metrics by this name
SPARE_MILLISECONDS = 60_000  # most of it for a page's reads of the table
MOST_PAGES = 1000  # of 1,000 versions each: the limit and the cost of one run
NOTE = "reconcile/pass.json"  # in the renditions bucket, not in the log, since it contains a key

logger = Logger(service=SERVICE)
metrics = Metrics(namespace=NAMESPACE, service=SERVICE)


@dataclass(frozen=True)
class Config:
    stack_name: Annotated[str, Variable(STACK, "the name of a CloudFormation stack")]
    uploads_bucket: Annotated[str, Variable(BUCKET, "the name of a bucket")]
    renditions_bucket: Annotated[str, Variable(BUCKET, "the name of a bucket")]
    screenings_table: Annotated[str, Variable(TABLE, "the name of a DynamoDB table")]
    uploads_queue_url: Annotated[str, Variable(URL, "the URL of an SQS queue")]
    uploads_backfill_queue_url: Annotated[str, Variable(URL, "the URL of an SQS queue")]
    renditions_queue_url: Annotated[str, Variable(URL, "the URL of an SQS queue")]
    renditions_backfill_queue_url: Annotated[str, Variable(URL, "the URL of an SQS queue")]
    reconcile_days: Annotated[int, Variable(r"[1-9]|[12]\d", "whole days from 1 to 29")]
    grace_minutes: Annotated[int, Variable(r"\d{1,3}", "whole minutes from 0 to 999")]
    record_retention_days: Annotated[int, Variable(DAYS, "0 for no end, or days")]


@dataclass
class _Slice:
    """The pages of one run; `after` is where the next run begins, known once all were compared."""

    versions: Versions
    after: Mark | None
    has_time: Callable[[], bool]

    def pages(self, prefix: str) -> Iterator[list[Upload]]:
        begin = (self.after.key, self.after.version) if self.after else None
        listed = self.versions.pages_after(prefix, begin)
        for number, (page, after) in enumerate(listed, 1):
            yield page
            self.after = Mark(*after) if after else None
            if number == MOST_PAGES or not self.has_time():
                return


def make_handler(
    config: Config, clients: ReconcileClients, clock: Callable[[], datetime] = now
) -> Handler[None]:
    """Return the Lambda handler for the schedule."""
    versions = Versions(clients.s3, config.uploads_bucket)
    records = Screenings(clients.dynamodb, config.screenings_table)
    uploads = Lanes(
        Queue(lambda: clients.sqs, config.uploads_queue_url),
        Queue(lambda: clients.sqs, config.uploads_backfill_queue_url),
    )
    to_render = Lanes(
        Queue(lambda: clients.sqs, config.renditions_queue_url),
        Queue(lambda: clients.sqs, config.renditions_backfill_queue_url),
    )
    note = Note(clients.s3, config.renditions_bucket, NOTE)
    metrics.set_default_dimensions(stack=config.stack_name)

    @logger.inject_lambda_context
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: "LambdaContext") -> None:
        def has_time() -> bool:
            return context.get_remaining_time_in_millis() >= SPARE_MILLISECONDS

        at = clock()
        current = next_pass(at, read_pass(note.read()), config.reconcile_days)
        listed = _Slice(versions, current.after, has_time)
        tally = Tally()
        try:
            for so_far in _compare(listed, at, current):
                tally = so_far
        finally:
            logger.info("Compared", ended=listed.after is None, **vars(tally))
            metrics.add_metric("UploadsWithoutRecord", MetricUnit.Count, tally.missing)
            metrics.add_metric("UploadsAnnouncedAnew", MetricUnit.Count, tally.announced)
        # Written last: if something failed, the next run compares the same slice again.
        note.write(write_pass(replace(current, after=listed.after)))

    def _compare(listed: _Slice, at: datetime, current: Pass) -> Iterator[Tally]:
        return compare(
            listed,
            records,
            uploads,
            prefix="",
            within=span(
                at,
                timedelta(minutes=config.grace_minutes),
                datetime.fromisoformat(current.since),
                config.record_retention_days,
            ),
            # Counted before the listing, so that a film that arrives in between is in neither
            # number.
            waiting=(uploads.today.depth() + to_render.today.depth()).total,
            backfilling=(uploads.backfill.depth() + to_render.backfill.depth()).total > 0,
            overdue=overdue_before(at, current),
        )

    return handler
