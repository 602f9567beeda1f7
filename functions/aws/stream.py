"""A table's stream: the changes of its items, one after the other, up to the first that fails."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from aws_lambda_powertools import Logger
from boto3.dynamodb.types import TypeDeserializer

_from_dynamodb = TypeDeserializer().deserialize

Failures: TypeAlias = dict[str, list[dict[str, str]]]
# The context is Lambda's own, or whatever has its members.
Handler: TypeAlias = Callable[[dict[str, Any], Any], Failures]


def follow_changes(
    event: Mapping[str, Any], follow: Callable[[dict[str, Any]], None], logger: Logger, failed: str
) -> Failures:
    """Call `follow` with each change; return the first that failed, where the stream goes on.

    `failed` is what the log says of it.
    """
    for change in event["Records"]:
        try:
            follow(change)
        except Exception as error:  # noqa: BLE001 - what failed is tried again, whatever it was
            # No trace: what others say in theirs may hold the key.
            logger.warning(failed, error=type(error).__name__)
            number = change["dynamodb"]["SequenceNumber"]
            return {"batchItemFailures": [{"itemIdentifier": number}]}
    return {"batchItemFailures": []}


def plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item of the stream as Python's own values."""
    return {name: _from_dynamodb(value) for name, value in item.items()}
