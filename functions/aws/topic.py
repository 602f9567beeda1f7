"""A topic in SNS: alerts for programs, or messages for people."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from aws.errors import AWS_ERRORS, name_of
from screening.messages import Message
from screening.refusals import TryAgain

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import (
        MessageAttributeValueTypeDef,
        PublishBatchRequestEntryTypeDef,
    )

MOST_MESSAGES = 10
MOST_BYTES = 256 * 1024  # limit of all messages in one call


@dataclass(frozen=True)
class Topic:
    client: "SNSClient"
    topic_arn: str

    def publish(self, messages: Sequence[Message]) -> list[TryAgain | None]:
        """Publish the messages in as few calls as possible; return the error of each, or None."""
        entries = [_entry(str(number), message) for number, message in enumerate(messages)]
        failures: dict[str, TryAgain] = {}
        for call in _calls(entries):
            failures |= self._publish(call)
        return [failures.get(entry["Id"]) for entry in entries]

    def _publish(self, entries: list["PublishBatchRequestEntryTypeDef"]) -> dict[str, TryAgain]:
        try:
            response = self.client.publish_batch(
                TopicArn=self.topic_arn, PublishBatchRequestEntries=entries
            )
        except AWS_ERRORS as error:
            failure = TryAgain(f"The message was perhaps not sent: {name_of(error)}.")
            return {entry["Id"]: failure for entry in entries}
        return {
            failed["Id"]: TryAgain(f"The message was not sent: {failed['Code']}.")
            for failed in response.get("Failed", [])
        }


def _entry(name: str, message: Message) -> "PublishBatchRequestEntryTypeDef":
    return {
        "Id": name,
        "Subject": message.subject,
        "Message": json.dumps(message.texts),
        "MessageStructure": "json",
        "MessageAttributes": {
            name: _attribute(value) for name, value in message.attributes.items()
        },
    }


def _attribute(value: str | Decimal) -> "MessageAttributeValueTypeDef":
    data_type = "Number" if isinstance(value, Decimal) else "String"
    return {"DataType": data_type, "StringValue": str(value)}


def _calls(
    entries: list["PublishBatchRequestEntryTypeDef"],
) -> Iterator[list["PublishBatchRequestEntryTypeDef"]]:
    call: list[PublishBatchRequestEntryTypeDef] = []
    size = 0
    for entry in entries:
        entry_size = len(json.dumps(entry))
        if call and (len(call) == MOST_MESSAGES or size + entry_size > MOST_BYTES):
            yield call
            call, size = [], 0
        call.append(entry)
        size += entry_size
    if call:
        yield call
