"""A queue in SQS: sending, the delay of retries, and the number of messages."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from aws.errors import AWS_ERRORS, name_of
from screening.refusals import TryAgain
from screening.upload import Upload, event_of

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from mypy_boto3_sqs import SQSClient

LONGEST_WAIT_SECONDS = 1800
MOST_IN_A_CALL = 10

_Item = TypeVar("_Item")


class NotSent(Exception):
    """SQS refused some of the messages; the error says how many, and why."""


@dataclass(frozen=True)
class Depth:
    """About how many messages a queue holds."""

    ready: int
    being_tried: int  # with a consumer, or waiting for their next try
    delayed: int

    @property
    def total(self) -> int:
        return self.ready + self.being_tried + self.delayed

    def __add__(self, other: "Depth") -> "Depth":
        return Depth(
            ready=self.ready + other.ready,
            being_tried=self.being_tried + other.being_tried,
            delayed=self.delayed + other.delayed,
        )


def wait_seconds(first_wait: int, tries: int, most_tries: int) -> int:
    """Return the wait after this try; each wait is four times the one before.

    There is none after the last try: the queue moves a message to the dead-letter queue only when
    it would be received once more.
    """
    if tries >= most_tries:
        return 0
    return int(min(first_wait * 4 ** (tries - 1), LONGEST_WAIT_SECONDS))


@dataclass(frozen=True)
class Queue:
    make_client: Callable[[], "SQSClient"]  # called at the first use
    url: str

    @cached_property
    def _client(self) -> "SQSClient":
        return self.make_client()

    def announce(self, uploads: Sequence[Upload]) -> None:
        """Enqueue uploads again, as events like those of S3.

        The function screens no film twice, but sends an alert that is still pending.
        """
        self.send([json.dumps(event_of(upload)) for upload in uploads])

    def forward(self, upload: Upload, delay: int = 0) -> None:
        """Send one upload to this queue with a delay in seconds; raises TryAgain.

        The message counts how often it was sent from queue to queue.
        """
        try:
            self.send([json.dumps(event_of(replace(upload, hops=upload.hops + 1)))], delay)
        except AWS_ERRORS as error:
            raise TryAgain(f"The upload was perhaps not forwarded: {name_of(error)}.") from None
        except NotSent as refusal:
            raise TryAgain(str(refusal)) from None

    def send(self, bodies: Sequence[str], delay: int = 0) -> None:
        """Send messages; raises NotSent, and AWS's own errors."""
        for call in _in_calls(bodies):
            answer = self._client.send_message_batch(
                QueueUrl=self.url,
                Entries=[
                    {"Id": str(number), "MessageBody": body, "DelaySeconds": delay}
                    for number, body in enumerate(call)
                ],
            )
            if failed := answer.get("Failed"):
                raise NotSent(f"SQS refused {len(failed)} messages: {failed[0]['Code']}.")

    def postpone(self, messages: Sequence[tuple["SQSRecord", int]]) -> None:
        """Set the seconds after which each message is delivered again.

        Without this, a failed message stays hidden for the queue's visibility timeout, which is too
        long for a transient error and too short for an outage.
        """
        for call in _in_calls(messages):
            self._client.change_message_visibility_batch(
                QueueUrl=self.url,
                Entries=[
                    {
                        "Id": str(number),
                        "ReceiptHandle": message.receipt_handle,
                        "VisibilityTimeout": seconds,
                    }
                    for number, (message, seconds) in enumerate(call)
                ],
            )

    def depth(self) -> Depth:
        counts: Any = self._client.get_queue_attributes(
            QueueUrl=self.url,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
                "ApproximateNumberOfMessagesDelayed",
            ],
        )["Attributes"]
        return Depth(
            ready=int(counts["ApproximateNumberOfMessages"]),
            being_tried=int(counts["ApproximateNumberOfMessagesNotVisible"]),
            delayed=int(counts["ApproximateNumberOfMessagesDelayed"]),
        )


@dataclass(frozen=True)
class Lanes:
    """A pair of queues, one for backfills, so that films of today never wait behind old ones."""

    today: Queue
    backfill: Queue

    def of(self, upload: Upload) -> Queue:
        return self.backfill if upload.is_backfill else self.today

    def announce(self, uploads: Sequence[Upload]) -> None:
        """Enqueue each upload again, in the queue that it belongs to."""
        self.today.announce([each for each in uploads if not each.is_backfill])
        self.backfill.announce([each for each in uploads if each.is_backfill])

    def forward(self, upload: Upload, delay: int = 0) -> None:
        """Send one upload to the queue that it belongs to; raises TryAgain."""
        self.of(upload).forward(upload, delay)


def _in_calls(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), MOST_IN_A_CALL):
        yield items[start : start + MOST_IN_A_CALL]
