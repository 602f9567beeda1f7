"""How the bucket is walked through: one slice of its versions an hour, pass after pass. Pure.

S3 lists by key and not by time, so whatever is found has to be listed. A run lists a bounded
number of versions and the next goes on there, so that its cost does not grow with the bucket.
Most passes compare the films of two days; one a day compares those of `ReconcileDays`.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from screening.clock import stamp

SHORT_DAYS = 2
DAY = timedelta(days=1)
_HALF_AN_HOUR = timedelta(minutes=30)  # schedules are not exact; a day later is a day later


@dataclass(frozen=True)
class Mark:
    """The last version that a listing held; the next begins behind it."""

    key: str
    version: str


@dataclass(frozen=True)
class Pass:
    """One way through the bucket: stamps, and where its next slice begins (None: it has ended)."""

    began: str
    since: str  # the oldest upload that it compares
    thorough: bool
    thorough_began: str  # of this pass or the last thorough one before it
    after: Mark | None = None


def next_pass(at: datetime, last: Pass | None, days: int) -> Pass:
    """Return the pass that goes on, or the one to begin at that time.

    A pass compares at least what came since a day before the last one began, so that no film falls
    between two passes, however long they take.
    """
    if last and last.after:
        return last
    thorough = last is None or datetime.fromisoformat(last.thorough_began) <= (
        at - DAY + _HALF_AN_HOUR
    )
    since = at - timedelta(days=days if thorough else min(SHORT_DAYS, days))
    if last:
        since = min(since, datetime.fromisoformat(last.began) - DAY)
    began = stamp(at)
    thorough_began = began if thorough or last is None else last.thorough_began
    return Pass(began, stamp(since), thorough, thorough_began)


def overdue_before(at: datetime, current: Pass) -> str:
    """Return the stamp before which a film without a record is announced whatever waits.

    Only a thorough pass does so: in an outage each film is announced once more a day, not hourly.
    """
    return stamp(at - DAY) if current.thorough else ""


def write_pass(current: Pass) -> str:
    return json.dumps(asdict(current))


def read_pass(text: str | None) -> Pass | None:
    """Return the pass that was written; None where none was, or it can't be read."""
    try:
        found = json.loads(text or "")
        after = Mark(**found.pop("after")) if found["after"] else None
        read = Pass(**found, after=after)
        for each in (read.began, read.since, read.thorough_began):
            datetime.fromisoformat(each)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return read
