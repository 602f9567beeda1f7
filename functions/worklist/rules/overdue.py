"""The reminder of films that nobody has read for hours. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from screening.clock import stamp
from worklist.rules.entry import Entry, State

_NAMED = 20


def overdue_since(now: datetime, hours: int) -> str:
    return stamp(now - timedelta(hours=hours))


def is_overdue(entry: Entry, before: str) -> bool:
    """Return whether a reminder is due; there is one for each film.

    All films for a blinded reading get one, since otherwise it would reveal the positives.
    """
    asked = entry.finding == "PNEUMONIA" or entry.hidden
    waits = entry.state is State.TO_REVIEW and asked
    return waits and entry.uploaded < before and entry.reminded is None


def subject(entries: Sequence[Entry]) -> str:
    films = "1 film" if len(entries) == 1 else f"{len(entries)} films"
    return f"Not reviewed yet: {films}"


def text(entries: Sequence[Entry], hours: int, address: str) -> str:
    """Return the mail, with a link to each film. It names no film, since a name is a key."""
    groups = (
        ("with possible pneumonia", "for a review", [each for each in entries if not each.hidden]),
        ("to be read without the score", "for it", [each for each in entries if each.hidden]),
    )
    lines = []
    for kind, what, films in groups:
        if not films:
            continue
        number = "1 film" if len(films) == 1 else f"{len(films)} films"
        waited = "has" if len(films) == 1 else "have"
        lines += [f"{number} {kind} {waited} waited over {hours} hours {what}.", ""]
        lines += [f"  {address}/#film/{entry.film}" for entry in films[:_NAMED]]
        if len(films) > _NAMED:
            lines.append(f"  and {len(films) - _NAMED} more: {address}/")
        lines.append("")
    return "\n".join([*lines, "Each film is in one reminder only."])
