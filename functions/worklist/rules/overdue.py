"""What people are told of positives that nobody has reviewed for hours. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from screening.clock import stamp
from worklist.rules.entry import Entry, State

_NAMED = 20


def overdue_since(now: datetime, hours: int) -> str:
    return stamp(now - timedelta(hours=hours))


def is_overdue(entry: Entry, before: str) -> bool:
    """Whether people are to be told of it; they are once."""
    waits = entry.state is State.TO_REVIEW and entry.finding == "PNEUMONIA"
    return waits and entry.uploaded < before and entry.reminded is None


def subject(entries: Sequence[Entry]) -> str:
    films = "1 film" if len(entries) == 1 else f"{len(entries)} films"
    return f"Not reviewed yet: {films}"


def text(entries: Sequence[Entry], hours: int, address: str) -> str:
    """Return the mail: where each film is to be read. It names no film, since names are keys."""
    many = len(entries) != 1
    lines = [
        f"{len(entries)} films" if many else "1 film",
        f"with possible pneumonia {'have' if many else 'has'} waited over {hours} hours "
        "for a review.",
    ]
    links = [f"  {address}/#film/{entry.film}" for entry in entries[:_NAMED]]
    if len(entries) > _NAMED:
        links.append(f"  and {len(entries) - _NAMED} more: {address}/")
    return "\n".join([" ".join(lines), "", *links, "", "You are told of each film once."])
