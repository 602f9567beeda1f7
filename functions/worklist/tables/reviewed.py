"""The films that readers were asked to review in a period, with their readings."""

from datetime import datetime, timedelta

from screening.clock import stamp
from worklist.rules.performance import Case, cases
from worklist.tables.reviews_table import ReviewsTable
from worklist.tables.worklist_table import WorklistTable

ASKED = ("to-review#PNEUMONIA", "to-review#HIDDEN")


def read_cases(
    worklist: WorklistTable, reviews: ReviewsTable, since: datetime, until: datetime
) -> list[Case]:
    """Return the cases of films uploaded in the period, reviewed or not."""
    first, last = stamp(since), stamp(until)
    unread = [entry for part in ASKED for entry in worklist.part(part, first, last)]
    found = reviews.since(_months(since, datetime.now(until.tzinfo)), first)
    return [case for case in cases(found, unread) if first <= case.uploaded <= last]


def _months(since: datetime, until: datetime) -> list[str]:
    months, day = [], since.replace(day=1)
    while day <= until:
        months.append(f"{day:%Y-%m}")
        day = (day + timedelta(days=32)).replace(day=1)
    return months
