"""The handler: on its schedule, films that lost their event get it anew."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from aws.clients import ReconcileClients
from aws.queue import Queue
from aws.screenings_table import Screenings
from aws.uploads_bucket import Versions
from reconcile.compare import Tally, compare
from screening.clock import now
from screening.config import BUCKET, DAYS, NAMESPACE, STACK, TABLE, URL, Variable
from screening.lost import span

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SERVICE = "reconcile"  # template.yaml's alarms look the metrics up under this name
SPARE_MILLISECONDS = 30_000

logger = Logger(service=SERVICE)
metrics = Metrics(namespace=NAMESPACE, service=SERVICE)

# The context is Lambda's own, or whatever has its members.
Handler: TypeAlias = Callable[[dict[str, Any], Any], None]


class OutOfTime(Exception):
    """The bucket has more versions than one invocation can compare."""


@dataclass(frozen=True)
class Config:
    stack_name: Annotated[str, Variable(STACK, "the name of a CloudFormation stack")]
    uploads_bucket: Annotated[str, Variable(BUCKET, "the name of a bucket")]
    screenings_table: Annotated[str, Variable(TABLE, "the name of a DynamoDB table")]
    uploads_queue_url: Annotated[str, Variable(URL, "the URL of an SQS queue")]
    renditions_queue_url: Annotated[str, Variable(URL, "the URL of an SQS queue")]
    reconcile_days: Annotated[int, Variable(r"[1-9]|[12]\d", "whole days from 1 to 29")]
    grace_minutes: Annotated[int, Variable(r"\d{1,3}", "whole minutes from 0 to 999")]
    record_retention_days: Annotated[int, Variable(DAYS, "0 for no end, or days")]


def make_handler(config: Config, clients: ReconcileClients) -> Handler:
    """Return the function that Lambda calls on its schedule."""
    versions = Versions(clients.s3, config.uploads_bucket)
    records = Screenings(clients.dynamodb, config.screenings_table)
    queue = Queue(lambda: clients.sqs, config.uploads_queue_url)
    to_render = Queue(lambda: clients.sqs, config.renditions_queue_url)
    metrics.set_default_dimensions(stack=config.stack_name)

    @logger.inject_lambda_context
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: "LambdaContext") -> None:
        at = now()
        within = span(
            at,
            timedelta(minutes=config.grace_minutes),
            at - timedelta(days=config.reconcile_days),
            config.record_retention_days,
        )
        # Before the listing, so that a film which comes meanwhile counts as neither.
        waiting = (queue.depth() + to_render.depth()).total
        tally = Tally()
        try:
            for so_far in compare(
                versions, records, queue, prefix="", within=within, waiting=waiting
            ):
                tally = so_far
                if context.get_remaining_time_in_millis() < SPARE_MILLISECONDS:
                    raise OutOfTime("Compare the rest with `cxr-alert reconcile`.")
        finally:
            logger.info("Compared", waiting=waiting, **vars(tally))
            metrics.add_metric("UploadsWithoutRecord", MetricUnit.Count, tally.missing)
            metrics.add_metric("UploadsAnnouncedAnew", MetricUnit.Count, tally.announced)

    return handler
