"""The drift function's own table: one item, written by that function alone, shown by others."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_KEY = {"name": {"S": "site"}}


@dataclass(frozen=True)
class Kept:
    """What the item holds; `asked` is when a person asked for a new reference, "" for never."""

    state: str
    shown: str
    through: str
    asked: str


class Overtaken(Exception):
    """Another run has counted the day meanwhile."""


@dataclass(frozen=True)
class DriftTable:
    """Its calls raise AWS's own errors."""

    client: "DynamoDBClient"
    table: str

    def read(self) -> Kept | None:
        """Return the item; None before the first day, and where drift is not deployed."""
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
        """Replace the item as it was read; raise Overtaken where another run was faster.

        So a day is counted once, however often the schedule's event is delivered.
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
        """Have the next run forget the reference; what the site does now becomes the usual."""
        self.client.update_item(
            TableName=self.table,
            Key=_KEY,
            UpdateExpression="SET asked = :time",
            ExpressionAttributeValues={":time": {"S": time}},
        )
