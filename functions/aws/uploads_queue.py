"""A queue of uploads: when a failed one is tried again, and one told of anew.

There are two: that of uploads to screen, and that of those to render first.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from screening.refusals import TryAgain
from screening.upload import Upload, event_of

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from mypy_boto3_sqs import SQSClient

LONGEST_WAIT_SECONDS = 900


def wait_seconds(first_wait: int, tries: int) -> int:
    """Return the wait after the try of that number: four times as long after each."""
    return int(min(first_wait * 4 ** (tries - 1), LONGEST_WAIT_SECONDS))


@dataclass(frozen=True)
class UploadsQueue:
    make_client: Callable[[], "SQSClient"]  # called when it is first needed
    url: str

    @cached_property
    def _client(self) -> "SQSClient":
        return self.make_client()

    def announce(self, upload: Upload) -> None:
        """Tell the function of an upload once more, as S3 does.

        It screens nothing twice; a pending alert that it finds, it sends.
        """
        try:
            self._client.send_message(QueueUrl=self.url, MessageBody=json.dumps(event_of(upload)))
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise TryAgain(f"The upload could not be passed on: {code}.") from None
        except BotoCoreError as error:
            name = type(error).__name__
            raise TryAgain(f"The upload was perhaps not passed on: {name}.") from None

    def postpone(self, messages: Sequence["SQSRecord"], first_wait: int) -> None:
        """Have each delivered again after a wait that grows with its tries.

        Left alone, a failed message stays hidden for the queue's visibility timeout: too long after
        a hiccup, too short for an outage.
        """
        if not messages:
            return
        self._client.change_message_visibility_batch(
            QueueUrl=self.url,
            Entries=[
                {
                    "Id": str(number),
                    "ReceiptHandle": message.receipt_handle,
                    "VisibilityTimeout": wait_seconds(
                        first_wait, int(message.attributes.approximate_receive_count)
                    ),
                }
                for number, message in enumerate(messages)
            ],
        )
