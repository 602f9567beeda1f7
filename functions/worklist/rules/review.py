"""A reader's review of a film. Pure.

Reviews are never changed: a reader with another opinion writes another one. Each contains the
judgement that it answers, since the record's judgement changes when the film is rescreened.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeGuard

LONGEST_NOTE = 2000
_ID = re.compile(r"[0-9a-f-]{8,64}")


class WrongRequest(Exception):
    """The request is invalid; the message is one sentence for people."""


class Reading(StrEnum):
    """What the reader sees on the film, independent of the network's finding."""

    PNEUMONIA = "PNEUMONIA"
    NORMAL = "NORMAL"
    UNSURE = "UNSURE"
    SET_ASIDE = "SET_ASIDE"  # another kind of image, or a film that must be repeated

    @property
    def is_sure(self) -> bool:
        """Whether the reader saw pneumonia or none."""
        return self in (Reading.PNEUMONIA, Reading.NORMAL)


def majority(readings: Mapping[str, Reading]) -> Reading | None:
    """Return the majority of the sure readings; None without one, or at a tie."""
    given = [*readings.values()]
    ill, well = given.count(Reading.PNEUMONIA), given.count(Reading.NORMAL)
    if ill == well:
        return None
    return Reading.PNEUMONIA if ill > well else Reading.NORMAL


def is_disputed(readings: Mapping[str, Reading]) -> bool:
    """Return whether readers are divided evenly, so that one more has to decide."""
    counted = Counter(reading for reading in readings.values() if reading is not Reading.UNSURE)
    ranked = counted.most_common(2)
    return len(ranked) == 2 and ranked[0][1] == ranked[1][1]


class Decision(StrEnum):
    """How a reading answers the finding."""

    CONFIRMED = "CONFIRMED"
    OVERRULED = "OVERRULED"
    UNSURE = "UNSURE"
    READ = "READ"  # the film had no finding to answer
    SET_ASIDE = "SET_ASIDE"


@dataclass(frozen=True)
class Review:
    film: str
    review: str  # an id from the page, so that sending a review twice stores it once
    month: str
    reader: str
    time: str
    reading: Reading
    score_seen: bool
    finding: str
    cutoff: Decimal
    uploaded: str
    classified: str
    hidden: bool
    group: str = ""
    note: str = ""
    probability: Decimal | None = None
    model: str | None = None
    chance: Decimal | None = None

    @property
    def decision(self) -> Decision:
        return decide(self.reading, self.finding)


def decide(reading: Reading, finding: str) -> Decision:
    if not reading.is_sure:
        return Decision(reading.value)
    if finding not in (Reading.PNEUMONIA, Reading.NORMAL):
        return Decision.READ
    return Decision.CONFIRMED if reading == finding else Decision.OVERRULED


@dataclass(frozen=True)
class Submitted:
    review: str
    reading: Reading
    note: str
    answers: str  # `classified` of the judgement that the reader saw
    score_known: bool = False  # from another place, such as a result in the PACS


def is_text(value: object, longest: int) -> TypeGuard[str]:
    """Return whether the value is text that can be stored; JSON allows half characters too."""
    return (
        isinstance(value, str)
        and len(value) <= longest
        and not any("\ud800" <= letter <= "\udfff" for letter in value)
    )


def read_submitted(body: object) -> Submitted:
    """Return the review in a request's body; raise WrongRequest if it is invalid."""
    if not isinstance(body, Mapping):
        raise WrongRequest("The review must be a JSON object.")
    name, note = body.get("id"), body.get("note", "")
    if not isinstance(name, str) or not _ID.fullmatch(name):
        raise WrongRequest("id must be 8 to 64 hexadecimal digits.")
    if not is_text(note, LONGEST_NOTE):
        raise WrongRequest(f"note must be text of at most {LONGEST_NOTE} characters.")
    if not isinstance(body.get("answers"), str):
        raise WrongRequest("answers must be the time of the judgement that the review answers.")
    try:
        reading = Reading(body.get("reading", ""))
    except ValueError:
        raise WrongRequest(f"reading must be one of {', '.join(Reading)}.") from None
    known = body.get("scoreKnown", False)
    if not isinstance(known, bool):
        raise WrongRequest("scoreKnown must be true or false.")
    return Submitted(name, reading, note.strip(), body["answers"], known)


def as_shown(review: Review) -> dict[str, Any]:
    return {
        "reader": review.reader,
        "time": review.time,
        "reading": review.reading,
        "decision": review.decision,
        "note": review.note,
        "scoreSeen": review.score_seen,
        "finding": review.finding,
        "probability": None if review.probability is None else float(review.probability),
        "model": review.model,
    }
