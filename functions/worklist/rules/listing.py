"""The list: the parts that a filter asks for, their order, and the pages. Pure.

The index keeps one sorted part for each state and finding. A page merges the parts that the filter
asks for; the next page continues after the place of its last film. So each page takes a few short
queries, however long the list is, and films uploaded meanwhile neither repeat nor skip others.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from screening.clock import stamp
from worklist.rules.entry import HIDDEN, Entry, State, place
from worklist.rules.review import WrongRequest, decide, is_text

LONGEST_PAGE = 100
LONGEST_TEXT = 200
LONGEST_PLACE = 200
YEARS = range(1900, 3000)  # some hours more or less still give a valid time
FINDINGS = ("PNEUMONIA", "REJECTED", "NORMAL")
_VIEWS = {
    "to-review": (State.TO_REVIEW,),
    "disputed": (State.DISPUTED,),
    "reviewed": (State.REVIEWED, State.DISPUTED),
    "all": (State.TO_REVIEW, State.REVIEWED, State.DISPUTED, State.NOT_ASKED),
}


@dataclass(frozen=True)
class Cursor:
    """The stage and the film after which the next page begins."""

    stage: int = 0
    after: str = ""

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(json.dumps([self.stage, self.after]).encode()).decode()


@dataclass(frozen=True)
class Stage:
    """Parts that are merged into one order."""

    parts: tuple[str, ...]
    oldest_first: bool


@dataclass(frozen=True)
class Wanted:
    """The filter; `since` and `until` are upload times, and each may be empty."""

    view: str
    finding: str
    since: str
    until: str
    text: str
    size: int
    cursor: Cursor

    @property
    def stages(self) -> list[Stage]:
        """The parts to merge. Films for a blinded reading are listed under each finding, since
        their absence under one would reveal theirs.
        """
        findings = (self.finding, HIDDEN) if self.finding else (*FINDINGS, HIDDEN)
        states = _VIEWS[self.view]
        waits = State.DISPUTED if self.view == "disputed" else State.TO_REVIEW
        stages = []
        if waits in states:
            stages.append(Stage(_parts([waits], findings), oldest_first=True))
        if rest := [state for state in states if state is not waits]:
            stages.append(Stage(_parts(rest, findings), oldest_first=False))
        return stages

    @property
    def parts(self) -> list[str]:
        """All parts of the list that the filter asks for."""
        return [part for stage in self.stages for part in stage.parts]

    def bounds(self, part: str) -> tuple[str, str]:
        """Return the first and the last place in a part between `since` and `until`."""
        first = place(part, self.since) if self.since else "0"
        last = place(part, self.until) + "~" if self.until else "~"
        return first, last


# Every film is in one of these, so that the newest one is the last upload.
EVERYWHERE = tuple(f"{state}#{finding}" for state in State for finding in (*FINDINGS, HIDDEN))
_NEVER = {f"{State.TO_REVIEW}#NORMAL", f"{State.NOT_ASKED}#HIDDEN"}


def _parts(states: Iterable[State], findings: Iterable[str]) -> tuple[str, ...]:
    parts = (f"{state}#{finding}" for state in states for finding in findings)
    return tuple(part for part in parts if part not in _NEVER)


def read_wanted(body: object) -> Wanted:
    """Return the filter in a request's body; raise WrongRequest if it is invalid."""
    if not isinstance(body, Mapping):
        raise WrongRequest("The request must be a JSON object.")
    view, finding = body.get("view", "to-review"), body.get("finding", "")
    text, size = body.get("text", ""), body.get("size", 50)
    if not isinstance(view, str) or view not in _VIEWS:
        raise WrongRequest(f"view must be one of {', '.join(_VIEWS)}.")
    if not isinstance(finding, str) or (finding and finding not in FINDINGS):
        raise WrongRequest(f"finding must be one of {', '.join(FINDINGS)}, or empty.")
    if not is_text(text, LONGEST_TEXT):
        raise WrongRequest(f"text must be text of at most {LONGEST_TEXT} characters.")
    if not isinstance(size, int) or not 1 <= size <= LONGEST_PAGE:
        raise WrongRequest(f"size must be an integer from 1 to {LONGEST_PAGE}.")
    return Wanted(
        view=view,
        finding=finding,
        since=_time(body.get("since", "")),
        until=_time(body.get("until", "")),
        text=text.strip().lower(),
        size=size,
        cursor=_cursor(body.get("cursor", "")),
    )


def _time(text: object) -> str:
    if text == "":
        return ""
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        raise WrongRequest("A time must have the form 2026-11-22T10:15:30Z.") from None
    if time.tzinfo is None:
        raise WrongRequest("A time must name its zone, as in 2026-11-22T10:15:30Z.")
    if time.year not in YEARS:
        raise WrongRequest(f"The year of a time must be {YEARS[0]} to {YEARS[-1]}.")
    return stamp(time)


def _cursor(text: object) -> Cursor:
    if text == "":
        return Cursor()
    try:
        stage, after = json.loads(base64.urlsafe_b64decode(str(text)))
    except (ValueError, TypeError, RecursionError, binascii.Error):
        stage = after = None
    if type(stage) is not int or stage not in (0, 1) or not is_text(after, LONGEST_PLACE):
        raise WrongRequest("The cursor is not one of the list's own.")
    return Cursor(stage, after)


@dataclass(frozen=True)
class Run:
    """The next films of one part, and the place up to which it was read; None is its end."""

    entries: list[Entry]
    until: str | None


def merge(runs: list[Run], stage: Stage, size: int) -> tuple[list[Entry], str | None]:
    """Return the next films of a stage, and the place from which to go on; None at the end.

    Each run has the films of one part of the stage, up to the place where it stopped. Films beyond
    the first of these places are left out, because others between them may not be read yet.
    """
    entries = [entry for run in runs for entry in run.entries]
    entries.sort(key=lambda entry: entry.place, reverse=not stage.oldest_first)
    stops = [run.until for run in runs if run.until is not None]
    if stops:
        stop = min(stops) if stage.oldest_first else max(stops)
        entries = [
            entry
            for entry in entries
            if (entry.place <= stop if stage.oldest_first else entry.place >= stop)
        ]
    else:
        stop = None
    if len(entries) > size:
        entries = entries[:size]
        stop = entries[-1].place
    return entries, stop


LATER = "~"  # later than any time


def row(entry: Entry, reader: str, at: str = LATER) -> dict[str, Any]:
    """Return the film's columns in the list, as the reader may see them at that time."""
    reads = entry.is_read_by(at)
    shown: dict[str, Any] = {
        "film": entry.film,
        "name": entry.key,
        "uploaded": entry.uploaded,
        "state": entry.state,
        "readers": len(entry.readings),
        "mine": entry.readings.get(reader),
        "replaced": entry.replaced,
        "accession": entry.accession,
        "study": entry.study,
        "age": entry.age,
        "view": entry.view,
        "beingReadBy": None if reads == reader else reads,
        "hidden": entry.hides_score_from(reader),
    }
    if entry.hides_score_from(reader):
        return shown
    decisions = {str(decide(reading, entry.finding)) for reading in entry.readings.values()}
    return shown | {
        "finding": entry.finding,
        "probability": None if entry.probability is None else float(entry.probability),
        "cutoff": float(entry.cutoff),
        "decisions": sorted(decisions),
        "disputed": entry.state is State.DISPUTED,
        "reminded": entry.reminded is not None,
    }
