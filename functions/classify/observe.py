"""What the function tells of itself: log lines and metrics, none of which hold an object key.

Nothing is appended to the logger: each line is given all that it holds, so nothing of one film can
show up in the line of the next.
"""

import traceback
from collections.abc import Sequence

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from classify.batch import Outcome
from screening.config import NAMESPACE
from screening.judgement import Finding
from screening.refusals import TryAgain
from screening.upload import MalformedMessage, Upload, is_check_key

# template.yaml's alarms and dashboard look the metrics up under these names.
SERVICE = "classify"
LONG = 5  # tries; a film that fails as often is worth an alarm of its own

logger = Logger(service=SERVICE)
metrics = Metrics(namespace=NAMESPACE, service=SERVICE)


def report_outcomes(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.new and (record := outcome.record):
            judgement = record.judgement
            logger.info(
                "Film screened",
                film=outcome.upload.log_id,
                finding=judgement.finding,
                probability=judgement.probability,
                code=judgement.code,
                reason=judgement.reason,
                model=judgement.model,
                size=record.size,
            )
        if outcome.sent_to_render:
            logger.info("Film sent to be rendered", film=outcome.upload.log_id)
        if outcome.alert_sent:
            logger.info("Alert sent", film=outcome.upload.log_id)
    new = [one.record for one in outcomes if one.new and one.record]
    _count("FilmsScreened", len(new))
    findings = [record.judgement.finding for record in new if not is_check_key(record.key)]
    _count("PossiblePneumonia", findings.count(Finding.PNEUMONIA))
    _count("FilmsRejected", findings.count(Finding.REJECTED))
    _count("FilmsSentToRender", sum(one.sent_to_render for one in outcomes))
    _count("AlertsSent", sum(one.alert_sent for one in outcomes))


def report_ignored(message: SQSRecord) -> None:
    logger.warning("Message ignored: it tells of no film", message_id=message.message_id)
    _count("EventsIgnored", 1)


def report_failure(message: SQSRecord, upload: Upload | None, failure: BaseException) -> None:
    """Log the failure; in its own words only if they are ours, since others may quote the key."""
    ours = isinstance(failure, TryAgain | MalformedMessage)
    tries = int(message.attributes.approximate_receive_count)
    log = logger.warning if ours else logger.error
    log(
        "Message failed; the queue delivers it again",
        message_id=message.message_id,
        tries=tries,
        film=upload.log_id if upload else None,
        error=str(failure) if ours else type(failure).__name__,
        where=None if ours else _where(failure),
    )
    _count("RecordsFailed", 1)
    _count("RecordsFailedLong", int(tries >= LONG))


def report_given_up(messages: Sequence[SQSRecord]) -> None:
    for message in messages:
        logger.error(
            "Message set aside with the dead letters: no other try would understand it",
            message_id=message.message_id,
        )
    _count("MessagesGivenUp", len(messages))


def report_not_postponed(failure: Exception) -> None:
    logger.warning(
        "Failed messages stay hidden for the queue's whole visibility timeout",
        error=type(failure).__name__,
    )


def _where(failure: BaseException) -> list[str]:
    frames = traceback.extract_tb(failure.__traceback__)
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


def _count(name: str, count: int) -> None:
    metrics.add_metric(name, MetricUnit.Count, count)
