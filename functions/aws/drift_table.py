"""The table of the drift function: one item, which only that function writes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_KEY = {"name": {"S": "site"}}


@dataclass(frozen=True)
class Kept:
    """The item's content; `asked` is when a person asked for a new reference, "" for never."""

    state: str
    shown: str
    through: str
    asked: str


class Overtaken(Exception):
    """Another run has already counted the day."""


@dataclass(frozen=True)
class DriftTable:
    """The drift table; its calls raise AWS's own errors."""

    client: "DynamoDBClient"
    table: str

    def read(self) -> Kept | None:
        """Return the item, or None before the first day and if drift is not deployed."""
        try:
            found = self.client.get_item(TableName=self.table, Key=_KEY, ConsistentRead=True)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return None
            raise
        item = {name: value.get("S", "") for name, value in found.get("Item", {}).items()}
        if not item:
            return None
        return Kept(*(item.get(name, "") for name in ("state", "shown", "through", "asked")))

    def write(self, before: Kept | None, state: str, shown: str, through: str) -> None:
        """Replace the item that was read; raise Overtaken if another run replaced it first.

        So a day is counted once even if the schedule's event is delivered several times.
        """
        values = {
            ":state": {"S": state},
            ":shown": {"S": shown},
            ":through": {"S": through},
        }
        condition = "attribute_not_exists(through)"
        if before and before.through:
            condition = "through = :seen"
            values[":seen"] = {"S": before.through}
        try:
            self.client.update_item(
                TableName=self.table,
                Key=_KEY,
                UpdateExpression="SET #state = :state, shown = :shown, through = :through",
                ConditionExpression=condition,
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues=values,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                raise Overtaken from None
            raise

    def ask_for_new_reference(self, time: str) -> None:
        """Request that the next run discards the reference and begins a new one."""
        self.client.update_item(
            TableName=self.table,
            Key=_KEY,
            UpdateExpression="SET asked = :time",
            ExpressionAttributeValues={":time": {"S": time}},
        )
