"""What the function tells of itself: log lines and metrics, none of which hold an object key."""

from collections.abc import Sequence

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from screening.config import NAMESPACE
from screening.digest import Alert
from screening.refusals import TryAgain

# template.yaml's alarms and dashboard look the metrics up under these names.
SERVICE = "notify"

logger = Logger(service=SERVICE)
metrics = Metrics(namespace=NAMESPACE, service=SERVICE)


def report_digest(digest: Sequence[Alert], failure: TryAgain | None) -> None:
    if failure:
        logger.warning("Digest not sent", finding=digest[0].finding, error=str(failure))
    else:
        logger.info("Digest sent", finding=digest[0].finding, films=len(digest))
    metrics.add_metric("DigestsSent", MetricUnit.Count, 0 if failure else 1)
    metrics.add_metric("FilmsTold", MetricUnit.Count, 0 if failure else len(digest))


def report_given_up(messages: Sequence[SQSRecord]) -> None:
    for message in messages:
        logger.error(
            "Message set aside with the dead letters: no other try would understand it",
            message_id=message.message_id,
        )


def report_failure(message: SQSRecord, failure: Exception) -> None:
    logger.warning(
        "Alert not told to people; the queue delivers it again",
        message_id=message.message_id,
        tries=message.attributes.approximate_receive_count,
        error=str(failure),
    )
    metrics.add_metric("AlertsFailed", MetricUnit.Count, 1)


def report_not_postponed(failure: Exception) -> None:
    logger.warning(
        "Failed messages stay hidden for the queue's whole visibility timeout",
        error=type(failure).__name__,
    )
