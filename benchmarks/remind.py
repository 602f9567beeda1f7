"""A simulation of `remind` with many unreviewed films: the real function with simulated clients.

A list in memory simulates the worklist's table, with assumed durations of pages and writes; some
writes fail once, some twice. It counts the runs, the mails, and the films that two mails contain.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from aws.clients import WorklistClients
from training.sagemaker.prices import read_prices
from worklist import remind
from worklist.rules.entry import Entry
from worklist.tables.worklist_table import item

FILMS = 100_000
PAGE = 1500  # films in a page of 1 MB
PAGE_SECONDS, WRITE_SECONDS = 0.1, 0.01
FAILS_ONCE, FAILS_TWICE = 1000, 10_000  # one in so many writes
RUNS_A_DAY = 96


@dataclass
class Table:
    """The entries in the order of the index, and the requests."""

    items: dict[str, dict[str, Any]]
    seconds: float = 0.0
    pages: int = 0
    writes: int = 0
    fails: dict[str, int] = field(default_factory=dict)

    def get_paginator(self, _: str) -> "Table":
        return self

    def paginate(self, ExpressionAttributeValues: dict[str, Any], **_: object) -> Iterator[Any]:  # noqa: N803
        part = ExpressionAttributeValues[":part"]["S"]
        held = list(self.items.values()) if part == "to-review#PNEUMONIA" else []
        for first in range(0, max(1, len(held)), PAGE):
            self.pages += 1
            self.seconds += PAGE_SECONDS
            page = held[first : first + PAGE]
            yield {"Items": [each for each in page if "reminded" not in each]}

    def get_item(self, Key: dict[str, Any], **_: object) -> dict[str, Any]:  # noqa: N803
        return {"Item": self.items[Key["film"]["S"]]}

    def put_item(self, Item: dict[str, Any], **call: Any) -> None:  # noqa: N803, ANN401
        film = Item["film"]["S"]
        self.writes += 1
        self.seconds += WRITE_SECONDS
        if "reminded" in Item and self.fails.get(film):
            self.fails[film] -= 1
            raise ClientError({"Error": {"Code": "InternalServerError"}}, "PutItem")
        read = call["ExpressionAttributeValues"][":read"]
        if self.items[film]["revision"] != read:
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "PutItem")
        self.items[film] = Item


@dataclass
class Mails:
    """The mails; `films` are the numbers of films in their subjects."""

    films: list[int] = field(default_factory=list)

    def publish(self, Subject: str, **_: object) -> None:  # noqa: N803
        self.films.append(int(Subject.split()[-2]))


@dataclass(frozen=True)
class Found:
    runs: int
    films: int
    mails: int
    told_twice: int
    failed_runs: int
    longest_seconds: float
    pages_when_all_are_told: int


def entry(number: int) -> Entry:
    return Entry(
        film=f"{number:032}",
        key=f"ward-{number % 20}/{number:08}.jpeg",
        version="3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY",
        uploaded="2026-11-22T10:15:30.000Z",
        classified="2026-11-22T10:15:31.000Z",
        finding="PNEUMONIA",
        cutoff=Decimal("0.1"),
        probability=Decimal("0.93"),
        model="cxr-resnet18",
        revision=1,
    )


def simulate(films: int) -> Found:
    entries = [entry(number) for number in range(films)]
    fails = Counter({each.film: 1 for each in entries[::FAILS_ONCE]})
    fails.update({each.film: 2 for each in entries[7::FAILS_TWICE]})
    table, mails = Table({each.film: item(each) for each in entries}, fails=dict(fails)), Mails()
    client: Any = table
    told_by: Any = mails
    nobody: Any = None
    clients = WorklistClients(client, client, told_by, ssm=nobody, make_sqs=nobody)
    config = remind.Config("worklist", "https://worklist.example.org", "topic", 4)
    run: Any = remind.make_handler(config, clients)
    before = remind.logger.log_level
    remind.logger.setLevel(logging.CRITICAL)
    runs = failed = pages = 0
    took, longest, reminded = 0.0, 0.0, -1
    while reminded:
        pages, took = table.pages, table.seconds
        try:
            reminded = run({}, None)["reminded"]
        except remind.NotMarked:
            failed += 1
        longest = max(longest, table.seconds - took)
        runs += 1
    remind.logger.setLevel(before)
    return Found(
        runs=runs - 1,
        films=films,
        mails=len(mails.films),
        told_twice=sum(mails.films) - films,
        failed_runs=failed,
        longest_seconds=longest,
        pages_when_all_are_told=table.pages - pages,
    )


def rows(films: int) -> list[tuple[str, str]]:
    found = simulate(films)
    # A page of 1 MB is 256 times 4 KB, and such a read costs half of a consistent one.
    reads = found.pages_when_all_are_told * RUNS_A_DAY * 256 / 2
    dollars = reads * read_prices()["around"]["dynamodb_read"]
    return [
        ("unreviewed films", f"{films:,}"),
        ("runs until all films were in a reminder, one each quarter of an hour", f"{found.runs}"),
        ("mails", f"{found.mails}"),
        ("films in two mails; their mark failed twice", f"{found.told_twice}"),
        ("runs that ended with an error because of that", f"{found.failed_runs}"),
        ("longest run (limit 600 s)", f"{found.longest_seconds:.0f} s"),
        ("dollars a day for reads, after all reminders", f"${dollars:.2f}"),
    ]
