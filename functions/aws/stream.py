"""A table's stream: process changes of items in order, and stop at the first that fails."""

from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools import Logger
from boto3.dynamodb.types import TypeDeserializer

from aws.handler import Failures

_from_dynamodb = TypeDeserializer().deserialize


def follow_changes(
    event: Mapping[str, Any], follow: Callable[[dict[str, Any]], None], logger: Logger, failed: str
) -> Failures:
    """Call `follow` with each change; return the first failed one, where the stream resumes.

    `failed` is the message of the log line.
    """
    for change in event["Records"]:
        try:
            follow(change)
        except Exception as error:  # noqa: BLE001 - what failed is tried again, whatever it was
            # No traceback: messages of other errors may contain the key.
            logger.warning(failed, error=type(error).__name__)
            number = change["dynamodb"]["SequenceNumber"]
            return {"batchItemFailures": [{"itemIdentifier": number}]}
    return {"batchItemFailures": []}


def plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item of the stream as plain Python values."""
    return {name: _from_dynamodb(value) for name, value in item.items()}
