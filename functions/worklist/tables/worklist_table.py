"""The worklist's entries in DynamoDB, one for each film, and the index that sorts them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from screening.clock import now, stamp
from screening.film_name import film_name
from screening.judgement import Finding
from screening.record import Record
from screening.upload import is_check_key
from worklist.rules.entry import Entry, enter
from worklist.rules.listing import Cursor, Run, Stage, Wanted, merge
from worklist.rules.review import Reading

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import PutTypeDef

INDEX = "in-order"
OF_STUDY = "of-study"
MOST_OF_STUDY = 20  # films; a study of a chest has fewer
# A search reads this many pages of the index, of 1 MB each, before it returns what it has found.
SEARCHED_PAGES = 5

# An entry is written within seconds; a film that took longer may have been mailed with its score.
FRESH = timedelta(minutes=5)

_TRIES = 5  # of a write that loses to a concurrent one

_to_dynamodb = TypeSerializer().serialize
_from_dynamodb = TypeDeserializer().deserialize
_ATTRIBUTES = frozenset(field.name for field in fields(Entry))


class Changed(Exception):
    """The entry has changed since it was read; read it again."""


@dataclass(frozen=True)
class Page:
    """Films of the list; `cursor` leads to the next page, and is empty at the end."""

    entries: list[Entry]
    cursor: str


@dataclass(frozen=True)
class WorklistTable:
    client: "DynamoDBClient"
    table: str

    def find(self, film: str) -> Entry | None:
        found = self.client.get_item(
            TableName=self.table, Key={"film": {"S": film}}, ConsistentRead=True
        )
        return read_entry(found["Item"]) if "Item" in found else None

    def put(self, entry: Entry) -> None:
        """Write the entry; raise Changed if it has changed since it was read."""
        try:
            self.client.put_item(**self.write(entry))
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                raise Changed from None
            raise

    def remove(self, film: str) -> None:
        self.client.delete_item(TableName=self.table, Key={"film": {"S": film}})

    def enlist(
        self,
        record: Record,
        share: Decimal,
        versions: Iterable[Record] = (),
        on_drawn: Callable[[Record], None] | None = None,
    ) -> None:
        """Write a screening record's entry if it changes; test films get none.

        `versions` are the records of all versions of its key if it was rejected. People are
        notified of a drawn negative before its entry is written: two notifications are better than
        none.
        """
        if is_check_key(record.key):
            return
        film = film_name(record.key, record.version)
        fresh = record.judgement.classified > stamp(now() - FRESH)
        for _ in range(_TRIES):
            before = self.find(film)
            entry = enter(record, share, before, versions, fresh=fresh)
            if entry == before:
                return
            newly_drawn = entry.hidden and not (before and before.hidden)
            if on_drawn and newly_drawn and entry.finding == Finding.NORMAL:
                on_drawn(record)
                on_drawn = None
            try:
                self.put(entry)
            except Changed:
                continue
            return
        raise Changed("The entry is being changed by others.")

    def write(self, entry: Entry) -> "PutTypeDef":
        """Return the request that writes an entry read at `revision`, alone or in a transaction."""
        return {
            "TableName": self.table,
            "Item": item(replace(entry, revision=entry.revision + 1)),
            "ConditionExpression": "attribute_not_exists(film) OR revision = :read",
            "ExpressionAttributeValues": {":read": {"N": str(entry.revision)}},
        }

    def page(self, wanted: Wanted) -> Page:
        """Return the next films; the page is full unless the list ends or the text is rare."""
        stages = wanted.stages
        entries: list[Entry] = []
        stage, after = wanted.cursor.stage, wanted.cursor.after
        while stage < len(stages):
            missing = wanted.size - len(entries)
            runs = [
                self._run(stages[stage], part, wanted, after, missing)
                for part in stages[stage].parts
            ]
            found, stop = merge(runs, stages[stage], missing)
            entries += found
            if stop is not None:
                return Page(entries, str(Cursor(stage, stop)))
            stage, after = stage + 1, ""
            if len(entries) == wanted.size and stage < len(stages):
                return Page(entries, str(Cursor(stage)))
        return Page(entries, "")

    def _run(self, stage: Stage, part: str, wanted: Wanted, after: str, size: int) -> Run:
        first, last = wanted.bounds(part)
        if after:
            # Places are unique: a longer or shorter text begins right after the last film shown.
            first, last = (max(first, after), last) if stage.oldest_first else (first, after)
        if first > last:
            return Run([], None)
        query = self._between(part, first, last) | {"ScanIndexForward": stage.oldest_first}
        if wanted.text:
            query["FilterExpression"] = "contains(searched, :text)"
            query["ExpressionAttributeValues"][":text"] = {"S": wanted.text}
        else:
            query["Limit"] = size + 1  # the query returns the film that `after` names once more
        entries: list[Entry] = []
        for _ in range(SEARCHED_PAGES):
            answer = self.client.query(**query)
            entries += [read_entry(each) for each in answer["Items"]]
            reached = answer.get("LastEvaluatedKey")
            if reached is None or len(entries) > size:
                break
            query["ExclusiveStartKey"] = reached
        entries = [entry for entry in entries if entry.place != after]
        if len(entries) > size:
            entries = entries[:size]
            return Run(entries, entries[-1].place)
        return Run(entries, None if reached is None else reached["place"]["S"])

    def _between(self, part: str, first: str, last: str) -> dict[str, Any]:
        """Return the query for the films of a part between two places."""
        return {
            "TableName": self.table,
            "IndexName": INDEX,
            "KeyConditionExpression": "part = :part AND place BETWEEN :first AND :last",
            "ExpressionAttributeValues": {
                ":part": {"S": part},
                ":first": {"S": first},
                ":last": {"S": last},
            },
        }

    def count(self, part: str, most: int, first: str = "0", last: str = "~") -> int:
        """Count the films of a part from place `first` to `last`; stop soon after `most`."""
        pages = self.client.get_paginator("query").paginate(
            **self._between(part, first, last),
            Select="COUNT",
        )
        found = 0
        for page in pages:
            found += page["Count"]
            if found >= most:
                break
        return found

    def newest(self, part: str) -> str:
        """Return the upload time of the newest film of a part; "" if it has none."""
        answer = self.client.query(
            TableName=self.table,
            IndexName=INDEX,
            KeyConditionExpression="part = :part",
            ExpressionAttributeValues={":part": {"S": part}},
            ScanIndexForward=False,
            Limit=1,
        )
        return max((read_entry(each).uploaded for each in answer["Items"]), default="")

    def of_study(self, study: str | None) -> list[Entry]:
        """Return the films of a study, in the order of their uploads."""
        if not study:
            return []
        answer = self.client.query(
            TableName=self.table,
            IndexName=OF_STUDY,
            KeyConditionExpression="study = :study",
            ExpressionAttributeValues={":study": {"S": study}},
            Limit=MOST_OF_STUDY,
        )
        return [read_entry(each) for each in answer["Items"]]

    def part(self, part: str, first: str, last: str) -> list[Entry]:
        """Return all films of a part between two places."""
        pages = self.client.get_paginator("query").paginate(
            **self._between(part, first, last),
        )
        return [read_entry(each) for page in pages for each in page["Items"]]

    def not_reminded(self, part: str, last: str) -> Iterator[Entry]:
        """Yield the films of a part, up to a place, that were in no reminder yet."""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table,
            IndexName=INDEX,
            KeyConditionExpression="part = :part AND place <= :last",
            FilterExpression="attribute_not_exists(reminded)",
            ExpressionAttributeValues={":part": {"S": part}, ":last": {"S": last}},
        )
        for page in pages:
            yield from map(read_entry, page["Items"])


def item(entry: Entry) -> dict[str, Any]:
    values = asdict(entry) | {
        "part": entry.part,
        "place": entry.place,
        "searched": entry.text,
        "readings": {reader: str(reading) for reader, reading in entry.readings.items()},
    }
    return {
        name: _to_dynamodb(str(value) if isinstance(value, StrEnum) else value)
        for name, value in values.items()
        if value is not None
    }


def read_entry(found: Any) -> Entry:  # noqa: ANN401 - items of boto3's several types
    values = {name: _from_dynamodb(value) for name, value in found.items() if name in _ATTRIBUTES}
    values["readings"] = {
        reader: Reading(reading) for reader, reading in values["readings"].items()
    }
    values["revision"] = int(values["revision"])
    values["cutoff"] = Decimal(values["cutoff"])
    return Entry(**values)
