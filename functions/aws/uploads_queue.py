"""The queue that the uploads come from: how long a failed one waits for its next try."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from aws.clients import make_sqs_client

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

LONGEST_WAIT_SECONDS = 900


def wait_seconds(first_wait: int, tries: int) -> int:
    """Return the wait after the try of that number: four times as long after each."""
    return int(min(first_wait * 4 ** (tries - 1), LONGEST_WAIT_SECONDS))


@dataclass(frozen=True)
class UploadsQueue:
    """Left alone, a failed message stays hidden for the queue's visibility timeout: too long after
    a hiccup, too short for an outage.
    """

    url: str
    first_wait: int

    @cached_property
    def client(self) -> "SQSClient":
        return make_sqs_client()

    def postpone(self, records: Sequence[SQSRecord]) -> None:
        """Have each delivered again after a wait that grows with its tries."""
        if not records:
            return
        self.client.change_message_visibility_batch(
            QueueUrl=self.url,
            Entries=[
                {
                    "Id": str(number),
                    "ReceiptHandle": record.receipt_handle,
                    "VisibilityTimeout": wait_seconds(
                        self.first_wait, int(record.attributes.approximate_receive_count)
                    ),
                }
                for number, record in enumerate(records)
            ],
        )
