"""The films and readings of a day, read from the tables through their indexes by time."""

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

_BY_TIME = "by-time"  # index of the reviews table
_SURE = ("PNEUMONIA", "NORMAL")


def films_of(screenings: Screenings, day: str) -> Iterator[Film]:
    """Yield the films first screened on that day, in order of time.

    Test films, repeated bytes and rescreened films are left out. A film that was rescreened between
    the end of its day and this read is missed, since its record has moved to another time.
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
    """The reviews table of the worklist stack; without a name there is no worklist."""

    client: "DynamoDBClient"
    table: str

    def of_day(self, day: str) -> Iterator[Reading]:
        """Yield the definite answers of that day about positives, one per reader and film."""
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
                values = {name: value.get("S") for name, value in item.items()}
                if values["finding"] == Finding.PNEUMONIA and values["reading"] in _SURE:
                    confirmed = values["reading"] == Finding.PNEUMONIA
                    yield Reading(values.get("model") or UNKNOWN, confirmed)
