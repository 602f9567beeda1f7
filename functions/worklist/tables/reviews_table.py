"""The readers' reviews in DynamoDB, which are written once and never changed."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from worklist.rules.review import Reading, Review
from worklist.tables.worklist_table import Changed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import PutTypeDef

BY_TIME = "by-time"

_to_dynamodb = TypeSerializer().serialize
_from_dynamodb = TypeDeserializer().deserialize
_ATTRIBUTES = frozenset(field.name for field in fields(Review))


@dataclass(frozen=True)
class ReviewsTable:
    client: "DynamoDBClient"
    table: str

    def of_film(self, film: str) -> list[Review]:
        """Return the film's reviews, oldest first."""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table,
            KeyConditionExpression="film = :film",
            ExpressionAttributeValues={":film": {"S": film}},
            ConsistentRead=True,
        )
        found = [_review(each) for page in pages for each in page["Items"]]
        return sorted(found, key=lambda review: review.time)

    def since(self, months: Iterable[str], time: str) -> list[Review]:
        """Return the reviews of these months that were written at `time` or later."""
        found = []
        for month in months:
            pages = self.client.get_paginator("query").paginate(
                TableName=self.table,
                IndexName=BY_TIME,
                KeyConditionExpression="#month = :month AND #time >= :time",
                ExpressionAttributeNames={"#month": "month", "#time": "time"},
                ExpressionAttributeValues={":month": {"S": month}, ":time": {"S": time}},
            )
            found += [_review(each) for page in pages for each in page["Items"]]
        return found

    def add(self, review: Review, entry_write: "PutTypeDef") -> bool:
        """Write the review and the film's entry in one transaction.

        Returns False if the review is stored already. Raises Changed if the entry has changed since
        it was read.
        """
        try:
            self.client.transact_write_items(
                TransactItems=[
                    {
                        "Put": {
                            "TableName": self.table,
                            "Item": _item(review),
                            "ConditionExpression": "attribute_not_exists(film)",
                        }
                    },
                    {"Put": entry_write},
                ]
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "TransactionCanceledException":
                raise
            reasons = [each.get("Code") for each in error.response.get("CancellationReasons", [])]
            if reasons[:1] == ["ConditionalCheckFailed"]:
                return False
            if set(reasons) & {"ConditionalCheckFailed", "TransactionConflict"}:
                raise Changed from None
            raise
        return True

    def remove(self, film: str) -> None:
        """Delete the film's reviews; only allowed once its screening record has expired."""
        for review in self.of_film(film):
            key = {"film": {"S": film}, "review": {"S": review.review}}
            self.client.delete_item(TableName=self.table, Key=key)


def _item(review: Review) -> dict[str, Any]:
    return {
        name: _to_dynamodb(str(value) if isinstance(value, StrEnum) else value)
        for name, value in asdict(review).items()
        if value is not None
    }


def _review(found: Any) -> Review:  # noqa: ANN401 - items of boto3's several types
    values = {name: _from_dynamodb(value) for name, value in found.items() if name in _ATTRIBUTES}
    values["reading"] = Reading(values["reading"])
    return Review(**values)
