"""Views and reviews of films, from the worklist's access log and the reviews.

The access log names a film by its hash, like the page's addresses; the entries have the keys. A
film that was erased or has expired is listed by its hash only.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cxr_alert.operate.application import Application
from screening.clock import stamp
from worklist.rules.review import Review
from worklist.tables.reviews_table import ReviewsTable
from worklist.tables.worklist_table import WorklistTable

_FILM = re.compile(r"/api/films/([0-9a-f]{32})(?:/(image|reviews))?")
_PATTERN = '"/api/films/"'


@dataclass(frozen=True)
class Look:
    """The actions of one reader on one film in the period.

    `saw` is when they first opened it, `looks` how often; `image` says whether they loaded the film
    itself or only its entry. `answered` and `reading` are from the last review. `refused` counts
    denied requests.
    """

    reader: str
    film: str
    key: str | None = None  # None if the film is no longer in the worklist
    saw: str | None = None
    looks: int = 0
    image: bool = False
    answered: str | None = None
    reading: str | None = None
    refused: int = 0


@dataclass(frozen=True)
class Request:
    """A line of the access log with a request for a film."""

    time: str
    reader: str
    film: str
    image: bool
    answered: bool
    opened: bool  # the film's page, not a part of its image


def audit(application: Application, since: datetime, until: datetime) -> list[Look]:
    """Return all actions from `since` until `until`, in order of time."""
    reviews = ReviewsTable(application.dynamodb, application.outputs["ReviewsTableName"])
    months = _months(since, until)
    reviewed = [each for each in reviews.since(months, stamp(since)) if each.time < stamp(until)]
    found = looks(_requests(application, since, until), reviewed)
    entries = WorklistTable(application.dynamodb, application.outputs["WorklistTableName"])
    keys = {film: entries.find(film) for film in {each.film for each in found}}
    return [replace(each, key=entry.key if (entry := keys[each.film]) else None) for each in found]


def looks(requests: Iterable[Request], reviews: Iterable[Review]) -> list[Look]:
    """Summarise what each reader did with each film, in order of time."""
    found: dict[tuple[str, str], Look] = {}
    for request in requests:
        who = (request.reader, request.film)
        look = found.get(who, Look(*who))
        if not request.answered:
            found[who] = replace(look, refused=look.refused + 1)
            continue
        found[who] = replace(
            look,
            saw=min(look.saw or request.time, request.time),
            looks=look.looks + request.opened,
            image=look.image or request.image,
        )
    for review in sorted(reviews, key=lambda each: each.time):
        who = (review.reader, review.film)
        look = found.get(who, Look(*who))
        found[who] = replace(look, answered=review.time, reading=review.reading.value)
    return sorted(found.values(), key=lambda each: (each.saw or each.answered or "", each.reader))


def read_request(at: int, message: str) -> Request | None:
    """Return the request in a line, at that time in milliseconds; None if it is not for a film."""
    try:
        line = json.loads(message)
        asked = _FILM.fullmatch(line["path"])
        status, method, reader = int(line["status"]), line["method"], line["reader"]
    except (ValueError, KeyError, TypeError):
        return None
    if not asked or not isinstance(reader, str):
        return None
    return Request(
        time=stamp(datetime.fromtimestamp(at / 1000, UTC)),
        reader=reader,
        film=asked[1],
        image=asked[2] == "image",
        answered=status < 400,
        opened=method == "GET" and asked[2] is None,
    )


def _requests(application: Application, since: datetime, until: datetime) -> Iterator[Request]:
    pages = application.logs.get_paginator("filter_log_events").paginate(
        logGroupName=application.outputs["AccessLogGroupName"],
        startTime=_milliseconds(since),
        endTime=_milliseconds(until) - 1,
        filterPattern=_PATTERN,
    )
    for page in pages:
        for event in page.get("events", []):
            request = read_request(event["timestamp"], event["message"])
            if request:
                yield request


def _milliseconds(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def _months(since: datetime, until: datetime) -> list[str]:
    months, day = [], since.replace(day=1)
    while day < until:
        months.append(f"{day:%Y-%m}")
        day = (day + timedelta(days=32)).replace(day=1)
    return months
