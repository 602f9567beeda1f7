"""A queue in SQS: when a failed message is tried again, what never can be, and what waits."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from screening.refusals import TryAgain
from screening.upload import Upload, event_of

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from mypy_boto3_sqs import SQSClient

LONGEST_WAIT_SECONDS = 1800
MOST_IN_A_CALL = 10

_Item = TypeVar("_Item")


class NotSent(Exception):
    """SQS took some messages and not others; the message says how many, and why."""


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
    """Return the wait after the try of that number: four times as long after each.

    None after the last: the queue moves the message to the dead-letter queue only when it is to be
    received once more.
    """
    if tries >= most_tries:
        return 0
    return int(min(first_wait * 4 ** (tries - 1), LONGEST_WAIT_SECONDS))


@dataclass(frozen=True)
class Queue:
    make_client: Callable[[], "SQSClient"]  # called when it is first needed
    url: str

    @cached_property
    def _client(self) -> "SQSClient":
        return self.make_client()

    def announce(self, uploads: Sequence[Upload]) -> None:
        """Tell the function of uploads once more, as S3 does.

        It screens nothing twice; a pending alert that it finds, it sends.
        """
        self._send([json.dumps(event_of(upload)) for upload in uploads])

    def hand_on(self, upload: Upload) -> None:
        """Send one upload to the function that this queue is for; raises TryAgain."""
        try:
            self.announce([upload])
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise TryAgain(f"The upload could not be handed on: {code}.") from None
        except BotoCoreError as error:
            name = type(error).__name__
            raise TryAgain(f"The upload was perhaps not handed on: {name}.") from None
        except NotSent as refusal:
            raise TryAgain(str(refusal)) from None

    def bury(self, messages: Sequence["SQSRecord"]) -> None:
        """Put copies of messages of another queue here, a dead-letter queue.

        SQS itself does so only after every try, which is for what another try may mend.
        """
        self._send([message.body for message in messages])

    def _send(self, bodies: Sequence[str]) -> None:
        for call in _in_calls(bodies):
            answer = self._client.send_message_batch(
                QueueUrl=self.url,
                Entries=[
                    {"Id": str(number), "MessageBody": body} for number, body in enumerate(call)
                ],
            )
            if failed := answer.get("Failed"):
                raise NotSent(f"SQS refused {len(failed)} messages: {failed[0]['Code']}.")

    def postpone(self, messages: Sequence["SQSRecord"], first_wait: int, most_tries: int) -> None:
        """Have each delivered again after a wait that grows with its tries.

        Left alone, a failed message stays hidden for the queue's visibility timeout: too long after
        a hiccup, too short for an outage.
        """
        for call in _in_calls(messages):
            self._client.change_message_visibility_batch(
                QueueUrl=self.url,
                Entries=[
                    {
                        "Id": str(number),
                        "ReceiptHandle": message.receipt_handle,
                        "VisibilityTimeout": wait_seconds(first_wait, _tries(message), most_tries),
                    }
                    for number, message in enumerate(call)
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


def _tries(message: "SQSRecord") -> int:
    return int(message.attributes.approximate_receive_count)


def _in_calls(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), MOST_IN_A_CALL):
        yield items[start : start + MOST_IN_A_CALL]
