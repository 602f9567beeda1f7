"""Films that fail at present, since when and why, from the functions' log.

Only the log says which films fail (by a hash) and why; metrics do not. The emulator has no metrics.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cxr_alert.operate.application import Application
from screening.clock import now, stamp

LOOKED_BACK = timedelta(hours=2)  # films are retried at least every half an hour
_MOST_LINES = 20_000  # lines of each log


@dataclass(frozen=True)
class Failing:
    """Films whose last try failed, with the time of the first failure and the last cause.

    `since` is no earlier than LOOKED_BACK; `tries` is the highest number of tries of one film.
    """

    films: int
    since: str
    tries: int
    cause: str


def failing(application: Application) -> Failing | None:
    return _failing(_lines(application, now() - LOOKED_BACK))


def _failing(lines: Iterable[tuple[int, dict[str, Any]]]) -> Failing | None:
    """Return the failing films; lines are epoch milliseconds and log entries, oldest first."""
    first: dict[str, int] = {}
    tries: dict[str, int] = {}
    cause = ""
    for at, line in lines:
        film = line.get("film")
        if not isinstance(film, str):
            continue
        if "tries" in line:
            first.setdefault(film, at)
            tries[film] = int(line["tries"])
            cause = str(line.get("error") or "unknown")
        else:  # screened, rendered, or sent to be rendered
            first.pop(film, None)
    if not first:
        return None
    since = datetime.fromtimestamp(min(first.values()) / 1000).astimezone()
    return Failing(len(first), stamp(since), max(tries[film] for film in first), cause)


def _lines(application: Application, since: datetime) -> list[tuple[int, dict[str, Any]]]:
    found = []
    pages = application.logs.get_paginator("filter_log_events").paginate(
        logGroupName=application.outputs["LogGroupName"],
        startTime=int(since.timestamp() * 1000),
        PaginationConfig={"MaxItems": _MOST_LINES},
    )
    for page in pages:
        for event in page.get("events", []):
            try:
                line = json.loads(event["message"])
            except ValueError:  # Lambda's own lines are not JSON
                continue
            if isinstance(line, dict):
                found.append((event["timestamp"], line))
    return sorted(found, key=lambda each: each[0])
