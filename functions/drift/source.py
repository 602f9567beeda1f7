"""What a day brought, from the records and the readers' reviews: each read by an index of time."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws.screenings_table import Screenings
from drift.rules import UNKNOWN, Film, Reading
from screening.judgement import Finding, Judgement
from screening.record import Record

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_BY_TIME = "by-time"  # the reviews table's index
_SURE = ("PNEUMONIA", "NORMAL")


def films_of(screenings: Screenings, day: str) -> Iterator[Film]:
    """Yield the films that were first screened on that day, in that order.

    Test films, repeated bytes and films screened again are left out. A film that was screened again
    between its own day's end and this reading is missed: its record stands at another time.
    """
    first, last = f"{day}T00:00:00.000Z", f"{day}T23:59:59.999Z"
    found = (screenings.between(finding, first, last) for finding in Finding)
    for record in heapq.merge(*found, key=lambda each: each.judgement.classified):
        judgement = _first(record)
        if judgement.classified[:10] == day and not (record.repeats or record.upload.is_check):
            yield _film(record.key, judgement)


def _first(record: Record) -> Judgement:
    return record.earlier[0] if record.earlier else record.judgement


def _film(key: str, judgement: Judgement) -> Film:
    cutoff = str(judgement.cutoff)
    if judgement.probability is None:
        return Film(key, cutoff, code=judgement.code or UNKNOWN)
    return Film(key, cutoff, float(judgement.probability), judgement.model or UNKNOWN)


@dataclass(frozen=True)
class Reviews:
    """The worklist's reviews table, of another stack; without a name there is no worklist."""

    client: "DynamoDBClient"
    table: str

    def of_day(self, day: str) -> Iterator[Reading]:
        """Yield the sure answers of that day about positives, each reader's own."""
        if not self.table:
            return
        pages: Any = self.client.get_paginator("query").paginate(
            TableName=self.table,
            IndexName=_BY_TIME,
            KeyConditionExpression="#month = :month AND begins_with(#time, :day)",
            ExpressionAttributeNames={"#month": "month", "#time": "time"},
            ExpressionAttributeValues={":month": {"S": day[:7]}, ":day": {"S": day}},
        )
        for page in pages:
            for item in page["Items"]:
                said = {name: value.get("S") for name, value in item.items()}
                if said["finding"] == Finding.PNEUMONIA and said["reading"] in _SURE:
                    confirmed = said["reading"] == Finding.PNEUMONIA
                    yield Reading(said.get("model") or UNKNOWN, confirmed)
