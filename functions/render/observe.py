"""What the function tells of itself: log lines and metrics, none of which hold an object key.

Nor do they hold anything of a DICOM file but why it was refused.
"""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from imaging.sandbox import SandboxBroke
from screening.config import NAMESPACE
from screening.refusals import TryAgain
from screening.rendition import NotRendered, Rendered
from screening.upload import MalformedMessage, Upload

# template.yaml's alarms and dashboard look the metrics up under these names.
SERVICE = "render"
LONG = 5  # tries; a film that fails as often is worth an alarm of its own

logger = Logger(service=SERVICE)
metrics = Metrics(namespace=NAMESPACE, service=SERVICE)


def report_rendered(upload: Upload, rendered: Rendered | NotRendered, seconds: float) -> None:
    refused = isinstance(rendered, NotRendered)
    logger.info(
        "Film refused" if refused else "Film rendered",
        film=upload.log_id,
        code=rendered.code if isinstance(rendered, NotRendered) else None,
        size=upload.size,
        seconds=round(seconds, 3),
    )
    _count("RenditionsRefused", int(refused))
    _count("RenditionsMade", int(not refused))


def report_ignored(message: SQSRecord) -> None:
    logger.warning("Message ignored: it tells of no film", message_id=message.message_id)
    _count("EventsIgnored", 1)


def report_failure(message: SQSRecord, upload: Upload | None, failure: Exception) -> None:
    """Log the failure; in its own words only if they are ours, since others may quote the key."""
    ours = isinstance(failure, TryAgain | MalformedMessage | SandboxBroke)
    tries = int(message.attributes.approximate_receive_count)
    logger.warning(
        "Film not rendered; the queue delivers it again",
        message_id=message.message_id,
        tries=tries,
        film=upload.log_id if upload else None,
        error=str(failure) if ours else type(failure).__name__,
    )
    _count("RecordsFailed", 1)
    _count("RecordsFailedLong", int(tries >= LONG))


def report_given_up(message: SQSRecord) -> None:
    logger.error(
        "Message set aside with the dead letters: no other try would understand it",
        message_id=message.message_id,
    )
    _count("MessagesGivenUp", 1)


def report_not_postponed(failure: Exception) -> None:
    logger.warning(
        "Failed messages stay hidden for the queue's whole visibility timeout",
        error=type(failure).__name__,
    )


def _count(name: str, count: int) -> None:
    metrics.add_metric(name, MetricUnit.Count, count)
