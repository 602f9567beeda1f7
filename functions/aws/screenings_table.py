"""The screening records in DynamoDB; only this module reads and writes them."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from aws.errors import AWS_ERRORS, name_of
from screening.clock import stamp
from screening.judgement import Finding
from screening.record import (
    AlertState,
    Claim,
    Record,
    attributes,
    judgement_attributes,
    record_from,
)
from screening.refusals import TryAgain
from screening.upload import Upload, is_check_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_to_dynamodb = TypeSerializer().serialize
_from_dynamodb = TypeDeserializer().deserialize
_MOST_IN_A_READ = 100
_MOST_VERSIONS = 200  # versions of a key that a new one is compared with
_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 5.0
_LATEST_FINDINGS = "latest-findings"  # the table's index by finding and time


@dataclass(frozen=True)
class Screenings:
    """The table; each write is conditional, so repeated deliveries of a film leave one record.

    screening/record.py draws the states of an alert and the writes between them. If a write takes
    effect and its answer is lost, botocore repeats it, and the repetition finds the record that the
    first one wrote. The claim's holder tells that record from one of another invocation.

    Methods for the functions raise TryAgain. Methods for operators only (`of_key`, `latest`, `all`,
    `erase`) raise AWS's own errors, which help an operator more.
    """

    client: "DynamoDBClient"
    table: str
    retention_days: int = 0  # 0: records do not expire

    def find(self, key: str, version: str) -> Record | None:
        """Return an upload's record, or None."""
        try:
            found = self.client.get_item(
                TableName=self.table, Key=_key(key, version), ConsistentRead=True
            )
        except AWS_ERRORS as error:
            raise _sort(error, "read") from None
        return _record(found["Item"]) if "Item" in found else None

    def without_record(self, uploads: Sequence[Upload]) -> list[Upload]:
        """Return the uploads that have no record; raises AWS's own errors.

        A record of the last second may be missed: an eventually consistent read costs half as much.
        """
        known: set[tuple[str, str]] = set()
        for start in range(0, len(uploads), _MOST_IN_A_READ):
            keys = [
                _key(each.key, each.version) for each in uploads[start : start + _MOST_IN_A_READ]
            ]
            known |= self._known(keys)
        return [each for each in uploads if (each.key, each.version) not in known]

    def _known(self, keys: list[dict[str, Any]]) -> set[tuple[str, str]]:
        known: set[tuple[str, str]] = set()
        wait = _FIRST_WAIT_SECONDS
        while keys:
            found: Any = self.client.batch_get_item(
                RequestItems={
                    self.table: {
                        "Keys": keys,
                        "ConsistentRead": False,
                        "ProjectionExpression": "#key, #version",
                        "ExpressionAttributeNames": {"#key": "key", "#version": "version"},
                    }
                }
            )
            items = found["Responses"].get(self.table, [])
            known |= {(item["key"]["S"], item["version"]["S"]) for item in items}
            # Keys that DynamoDB throttled are returned unprocessed, and are requested again later.
            keys = found.get("UnprocessedKeys", {}).get(self.table, {}).get("Keys", [])
            if keys:
                time.sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT_SECONDS)
        return known

    def add(self, record: Record) -> Record:
        """Write the record unless the upload has one; return the stored record."""
        try:
            self.client.put_item(
                TableName=self.table,
                Item=_item(record) | self._end(record),
                ConditionExpression="attribute_not_exists(#key)",
                ExpressionAttributeNames={"#key": "key"},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except AWS_ERRORS as error:
            if standing := _standing(error):
                return standing
            raise _sort(error, "written") from None
        return record

    def claim(self, record: Record, claim: Claim, now: datetime) -> Record:
        """Claim a pending alert whose claim has expired; return the stored record."""
        try:
            updated = self.client.update_item(
                TableName=self.table,
                Key=_key(record.key, record.version),
                UpdateExpression="SET claimed_by = :by, claimed_until = :until",
                ConditionExpression="alert = :pending AND "
                "(attribute_not_exists(claimed_until) OR claimed_until < :now)",
                ExpressionAttributeValues=_values(
                    by=claim.by, until=claim.until, now=stamp(now), pending=AlertState.PENDING
                ),
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except AWS_ERRORS as error:
            if standing := _standing(error):
                return standing
            raise _sort(error, "claimed") from None
        return _record(updated["Attributes"])

    def release(self, record: Record, claim: Claim) -> None:
        """Release the claim on a pending alert, so that the next delivery can send it at once."""
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

    def rejudge(self, before: Record, after: Record) -> bool:
        """Replace judgement and alert state unless they have changed since `before` was read.

        Returns whether they were replaced.
        """
        new = judgement_attributes(after.judgement) | {"alert": after.alert.value}
        gone = judgement_attributes(before.judgement).keys() - new.keys()
        sets = ", ".join(f"#{name} = :{name}" for name in new)
        removes = f" REMOVE {', '.join(f'#{name}' for name in gone)}" if gone else ""
        values = {
            **new,
            "earlier": [judgement_attributes(each) for each in after.earlier],
            "seen": before.judgement.classified,
            "seen_alert": before.alert.value,
        }
        try:
            self.client.update_item(
                TableName=self.table,
                Key=_key(before.key, before.version),
                UpdateExpression=f"SET {sets}, earlier = :earlier{removes}",
                ConditionExpression="#classified = :seen AND #alert = :seen_alert",
                ExpressionAttributeNames={f"#{name}": name for name in {*new, *gone}},
                ExpressionAttributeValues={
                    f":{name}": _to_dynamodb(value) for name, value in values.items()
                },
            )
        except AWS_ERRORS as error:
            if _condition_failed(error):
                return False
            raise _sort(error, "updated") from None
        return True

    def versions(self, key: str, version: str) -> list[Record]:
        """Return the upload's record, if there is one, and those of other versions of its key.

        For a key with one version it costs as much as `find`. If a device overwrites a key very
        often, not all other versions are read.
        """
        try:
            found = self.client.query(**self._of_key(key), Limit=_MOST_VERSIONS)
        except AWS_ERRORS as error:
            raise _sort(error, "read") from None
        records = [_record(item) for item in found["Items"]]
        if "LastEvaluatedKey" in found and all(each.version != version for each in records):
            own = self.find(key, version)
            records += [own] if own else []
        return records

    def of_key(self, key: str) -> list[Record]:
        """Return the records of an object key, one for each version, newest last."""
        pages = self.client.get_paginator("query").paginate(**self._of_key(key))
        found = [_record(item) for page in pages for item in page["Items"]]
        return sorted(found, key=lambda record: record.uploaded)

    def _of_key(self, key: str) -> dict[str, Any]:
        return {
            "TableName": self.table,
            "KeyConditionExpression": "#key = :key",
            "ExpressionAttributeNames": {"#key": "key"},
            "ExpressionAttributeValues": {":key": {"S": key}},
            "ConsistentRead": True,
        }

    def erase(self, key: str, version: str) -> None:
        """Delete an upload's record; only `cxr-alert erase` does this."""
        self.client.delete_item(TableName=self.table, Key=_key(key, version))

    def latest(self, finding: Finding, count: int) -> list[Record]:
        """Return the last `count` films with a finding, newest first, without test films."""
        found = self._read(
            "query",
            IndexName=_LATEST_FINDINGS,
            KeyConditionExpression="finding = :finding",
            ExpressionAttributeValues={":finding": {"S": finding.value}},
            ScanIndexForward=False,
            Limit=count,
        )
        films = (each for each in found if not (each.repeats or is_check_key(each.key)))
        return list(islice(films, count))

    def since(self, finding: Finding, time: str) -> Iterator[Record]:
        """Read the films with that finding that were last judged at `time` or later."""
        return self._read(
            "query",
            IndexName=_LATEST_FINDINGS,
            KeyConditionExpression="finding = :finding AND classified >= :time",
            ExpressionAttributeValues=_values(finding=finding.value, time=time),
        )

    def between(self, finding: Finding, first: str, last: str) -> Iterator[Record]:
        """Read the films with that finding, last judged in that period, in order of time."""
        return self._read(
            "query",
            IndexName=_LATEST_FINDINGS,
            KeyConditionExpression="finding = :finding AND classified BETWEEN :first AND :last",
            ExpressionAttributeValues=_values(finding=finding.value, first=first, last=last),
        )

    def all(self) -> Iterator[Record]:
        """Read the whole table, in no particular order."""
        return self._read("scan", ConsistentRead=True)

    def _read(self, operation: Any, **how: Any) -> Iterator[Record]:  # noqa: ANN401
        pages: Any = self.client.get_paginator(operation).paginate(TableName=self.table, **how)
        for page in pages:
            yield from map(_record, page["Items"])

    def _end(self, record: Record) -> dict[str, Any]:
        """Return DynamoDB's time to live for the item, in epoch seconds."""
        if not self.retention_days:
            return {}
        end = datetime.fromisoformat(record.judgement.classified) + timedelta(
            days=self.retention_days
        )
        return {"expires": _to_dynamodb(int(end.timestamp()))}

    def _finish(self, record: Record, update: str, condition: str, values: dict[str, Any]) -> None:
        try:
            self.client.update_item(
                TableName=self.table,
                Key=_key(record.key, record.version),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
            )
        except AWS_ERRORS as error:
            if not _condition_failed(error):  # someone else, or the first attempt, did it already
                raise _sort(error, "updated") from None


def _key(key: str, version: str) -> dict[str, Any]:
    return {"key": {"S": key}, "version": {"S": version}}


def _values(**values: str) -> dict[str, Any]:
    return {f":{name}": {"S": str(value)} for name, value in values.items()}


def _item(record: Record) -> dict[str, Any]:
    return {name: _to_dynamodb(value) for name, value in attributes(record).items()}


def _record(item: Mapping[str, Any]) -> Record:
    return record_from({name: _from_dynamodb(value) for name, value in item.items()})


def _condition_failed(error: Exception) -> bool:
    return (
        isinstance(error, ClientError)
        and error.response["Error"]["Code"] == "ConditionalCheckFailedException"
    )


def _standing(error: Exception) -> Record | None:
    if isinstance(error, ClientError) and _condition_failed(error):
        item: Any = error.response.get("Item")
        return _record(item) if item else None
    return None


def _sort(error: Exception, what: str) -> TryAgain:
    return TryAgain(f"The record could not be {what}: {name_of(error)}.")
