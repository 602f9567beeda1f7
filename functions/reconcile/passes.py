"""The traversal of the bucket: each hourly run lists one slice of its versions. Pure.

S3 lists by key, not by time, so finding anything requires a full listing. Each run lists a bounded
number of versions and the next one resumes there, so the cost of a run does not grow with the
bucket. Most passes compare the films of two days; one a day compares those of `ReconcileDays`.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from screening.clock import stamp

SHORT_DAYS = 2
DAY = timedelta(days=1)
_HALF_AN_HOUR = timedelta(minutes=30)  # schedules are inexact; this allows for a late run


@dataclass(frozen=True)
class Mark:
    """The last version of a listing; the next listing begins after it."""

    key: str
    version: str


@dataclass(frozen=True)
class Pass:
    """One traversal of the bucket: stamps, and where its next slice begins (None: complete)."""

    began: str
    since: str  # the oldest upload to compare
    thorough: bool
    thorough_began: str  # start of this pass or of the last thorough one before it
    after: Mark | None = None


def next_pass(at: datetime, last: Pass | None, days: int) -> Pass:
    """Return the pass to resume, or a new one that begins at this time.

    A pass compares at least the uploads since a day before the last one began, so that no film
    falls between two passes, however long they take.
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
    """Return the stamp before which uploads without a record are enqueued whatever waits.

    Only a thorough pass has one: in an outage each film is enqueued again once a day, not hourly.
    """
    return stamp(at - DAY) if current.thorough else ""


def write_pass(current: Pass) -> str:
    return json.dumps(asdict(current))


def read_pass(text: str | None) -> Pass | None:
    """Return the stored pass, or None if there is none or it can't be read."""
    try:
        found = json.loads(text or "")
        after = Mark(**found.pop("after")) if found["after"] else None
        read = Pass(**found, after=after)
        for each in (read.began, read.since, read.thorough_began):
            datetime.fromisoformat(each)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return read
