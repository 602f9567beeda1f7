"""Log lines and metrics of a function that consumes a queue; none of them contains an object key.

No fields are appended to the logger. Each line is passed all its fields, so that no field of one
film can appear in the line of the next.
"""

import traceback

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from screening.config import NAMESPACE
from screening.refusals import GivenUp, Later, TryAgain
from screening.upload import MalformedMessage

MANY_TRIES = 5  # a separate alarm counts messages that failed this often


class Observer:
    """Logger and metrics of one function; alarms and dashboard select metrics by `service`."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.logger = Logger(service=service)
        self.metrics = Metrics(namespace=NAMESPACE, service=service)

    def count(self, name: str, count: int) -> None:
        self.metrics.add_metric(name, MetricUnit.Count, count)

    def ignored(self, message: SQSRecord) -> None:
        self.logger.warning(
            "Message ignored: it is not about a film", message_id=message.message_id
        )
        self.count("EventsIgnored", 1)

    def waits(self, message: SQSRecord, film: str, later: Later) -> None:
        self.logger.info(
            "Message waits",
            message_id=message.message_id,
            film=film,
            seconds=later.seconds,
            why=str(later),
        )

    def failed(self, message: SQSRecord, film: str | None, failure: BaseException) -> None:
        """Log a failure.

        With its message only if the error is ours, since others may quote a key.
        """
        ours = isinstance(failure, TryAgain | MalformedMessage | GivenUp)
        tries = int(message.attributes.approximate_receive_count)
        log = self.logger.warning if ours else self.logger.error
        log(
            "Message failed; the queue delivers it again",
            message_id=message.message_id,
            tries=tries,
            film=film,
            error=str(failure) if ours else type(failure).__name__,
            where=None if ours else _where(failure),
        )
        self.count("RecordsFailed", 1)
        self.count("RecordsFailedLong", int(tries >= MANY_TRIES))

    def given_up(self, message: SQSRecord, film: str | None, failure: BaseException) -> None:
        self.logger.error(
            "Message moved to the dead-letter queue: another try would not help",
            message_id=message.message_id,
            film=film,
            error=str(failure),
        )
        self.count("MessagesGivenUp", 1)

    def not_postponed(self, failure: Exception) -> None:
        self.logger.warning(
            "Failed messages stay hidden for the queue's whole visibility timeout",
            error=type(failure).__name__,
        )


def _where(failure: BaseException) -> list[str]:
    frames = traceback.extract_tb(failure.__traceback__)
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
