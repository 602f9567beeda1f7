"""The screening records in DynamoDB."""

from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import BotoCoreError, ClientError

from screening.clock import stamp
from screening.judgement import Finding
from screening.record import AlertState, Claim, Record
from screening.refusals import TryAgain
from screening.upload import Upload

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_to_dynamodb = TypeSerializer().serialize
_from_dynamodb = TypeDeserializer().deserialize
_ATTRIBUTES = frozenset(field.name for field in fields(Record))


@dataclass(frozen=True)
class Screenings:
    """Each write is conditional, so however often a film is delivered it leaves one record.

    A write that took effect though its answer was lost is repeated by botocore and then meets its
    own record; who made the claim tells it from another's.
    """

    client: "DynamoDBClient"
    table: str
    retention_days: int  # 0: records have no end

    def find(self, upload: Upload) -> Record | None:
        """Return the upload's record as it stands, if there is one."""
        try:
            found = self.client.get_item(
                TableName=self.table, Key=_key(upload), ConsistentRead=True
            )
        except (ClientError, BotoCoreError) as error:
            raise _sort(error, "read") from None
        return _record(found["Item"]) if "Item" in found else None

    def add(self, record: Record) -> Record:
        """Write the record unless the upload has one; return the one that stands."""
        try:
            self.client.put_item(
                TableName=self.table,
                Item=_item(record) | self._end(record),
                ConditionExpression="attribute_not_exists(#key)",
                ExpressionAttributeNames={"#key": "key"},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except (ClientError, BotoCoreError) as error:
            if standing := _standing(error):
                return standing
            raise _sort(error, "written") from None
        return record

    def _end(self, record: Record) -> dict[str, Any]:
        """When DynamoDB may delete the item, as its time to live takes it: in epoch seconds."""
        if not self.retention_days:
            return {}
        end = datetime.fromisoformat(record.classified) + timedelta(days=self.retention_days)
        return {"expires": _to_dynamodb(int(end.timestamp()))}

    def claim(self, record: Record, claim: Claim, now: datetime) -> Record:
        """Take over a pending alert that nobody holds any more; return the record as it stands."""
        try:
            updated = self.client.update_item(
                TableName=self.table,
                Key=_key(record),
                UpdateExpression="SET claimed_by = :by, claimed_until = :until",
                ConditionExpression="alert = :pending AND "
                "(attribute_not_exists(claimed_until) OR claimed_until < :now)",
                ExpressionAttributeValues=_values(
                    by=claim.by, until=claim.until, now=stamp(now), pending=AlertState.PENDING
                ),
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except (ClientError, BotoCoreError) as error:
            if standing := _standing(error):
                return standing
            raise _sort(error, "claimed") from None
        return _record(updated["Attributes"])

    def release(self, record: Record, claim: Claim) -> None:
        """Give a pending alert back, so that the next delivery can send it at once."""
        self._finish(
            record,
            "REMOVE claimed_by, claimed_until",
            "alert = :pending AND claimed_by = :by",
            _values(by=claim.by, pending=AlertState.PENDING),
        )

    def mark_sent(self, record: Record, now: datetime) -> None:
        self._finish(
            record,
            "SET alert = :sent, alerted = :now REMOVE claimed_by, claimed_until",
            "alert = :pending",
            _values(sent=AlertState.SENT, pending=AlertState.PENDING, now=stamp(now)),
        )

    def _finish(self, record: Record, update: str, condition: str, values: dict[str, Any]) -> None:
        try:
            self.client.update_item(
                TableName=self.table,
                Key=_key(record),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
            )
        except (ClientError, BotoCoreError) as error:
            if not _condition_failed(error):  # else someone, or the first attempt, did it already
                raise _sort(error, "updated") from None


def _key(of: Upload | Record) -> dict[str, Any]:
    return {"key": {"S": of.key}, "version": {"S": of.version}}


def _values(**values: str) -> dict[str, Any]:
    return {f":{name}": {"S": str(value)} for name, value in values.items()}


def _item(record: Record) -> dict[str, Any]:
    return {
        name: _to_dynamodb(str(value) if isinstance(value, StrEnum) else value)
        for name, value in asdict(record).items()
        if value is not None
    }


def _record(item: dict[str, Any]) -> Record:
    values = {name: _from_dynamodb(value) for name, value in item.items() if name in _ATTRIBUTES}
    values["finding"] = Finding(values["finding"])
    values["alert"] = AlertState(values["alert"])
    values["size"] = int(values["size"])
    return Record(**values)


def _condition_failed(error: ClientError | BotoCoreError) -> bool:
    return (
        isinstance(error, ClientError)
        and error.response["Error"]["Code"] == "ConditionalCheckFailedException"
    )


def _standing(error: ClientError | BotoCoreError) -> Record | None:
    if isinstance(error, ClientError) and _condition_failed(error):
        item: Any = error.response.get("Item")
        return _record(item) if item else None
    return None


def _sort(error: ClientError | BotoCoreError, what: str) -> TryAgain:
    code = (
        error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    )
    return TryAgain(f"The record could not be {what}: {code}.")
