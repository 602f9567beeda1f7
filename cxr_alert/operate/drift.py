"""The comparison of a site's films with its reference, as the drift function stored it."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from aws.drift_table import DriftTable
from cxr_alert.operate.application import Application
from screening.clock import stamp
from screening.errors import Mistake
from screening.interval import Estimate, wilson


@dataclass(frozen=True)
class Week:
    """The number of positives confirmed in one week, of those with a sure reading."""

    week: str
    confirmed: int
    reviewed: int
    precision: Estimate


@dataclass(frozen=True)
class Drift:
    """The comparison; `found` has network, cutoff, reference, signals and days."""

    found: dict[str, Any]
    weeks: list[Week]


def drift(application: Application, stack: str) -> Drift:
    kept = _table(application, stack).read()
    found = json.loads(kept.shown or "{}") if kept else {}
    if not found.get("days"):
        raise Mistake(
            f"No film of {stack} was compared yet. Deploy drift (sam build --config-env drift && "
            "sam deploy --config-env drift) and wait for its next run, four times a day."
        )
    return Drift(found, _weeks(found["days"]))


def new_reference(application: Application, stack: str) -> None:
    """Request that the next run begins a new reference with the films from then on."""
    drift(application, stack)
    _table(application, stack).ask_for_new_reference(stamp(datetime.now(UTC)))


def _table(application: Application, stack: str) -> DriftTable:
    return DriftTable(application.dynamodb, f"{stack}-drift")


def _weeks(days: Sequence[dict[str, Any]]) -> list[Week]:
    confirmed: Counter[str] = Counter()
    reviewed: Counter[str] = Counter()
    for day in days:
        year, number, _ = date.fromisoformat(day["day"]).isocalendar()
        confirmed[f"{year}-W{number:02}"] += day["confirmed"]
        reviewed[f"{year}-W{number:02}"] += day["reviewed"]
    return [
        Week(week, confirmed[week], count, wilson(confirmed[week], count))
        for week, count in sorted(reviewed.items())
        if count
    ]
