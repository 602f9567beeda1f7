"""A reader's word on a film. Pure.

Reviews are never changed: who changes their mind writes another. Each holds the judgement that it
answers, since the record's may change when the film is screened again.
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
    """What the page asked for can't be done; one sentence for whoever reads it."""


class Reading(StrEnum):
    """What the reader sees on the film, whatever the network found."""

    PNEUMONIA = "PNEUMONIA"
    NORMAL = "NORMAL"
    UNSURE = "UNSURE"
    SET_ASIDE = "SET_ASIDE"  # no film that can be read here: another picture, or to be repeated

    @property
    def is_sure(self) -> bool:
        """Whether it says what is on the film."""
        return self in (Reading.PNEUMONIA, Reading.NORMAL)


def majority(readings: Mapping[str, Reading]) -> Reading | None:
    """Return what most readers saw; None if none was sure, or as many saw something else."""
    sure = Counter(reading for reading in readings.values() if reading.is_sure)
    ranked = sure.most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


def is_disputed(readings: Mapping[str, Reading]) -> bool:
    """Whether as many readers saw one thing as another, so that one more has to decide."""
    said = Counter(reading for reading in readings.values() if reading is not Reading.UNSURE)
    ranked = said.most_common(2)
    return len(ranked) == 2 and ranked[0][1] == ranked[1][1]


class Decision(StrEnum):
    """The reading as an answer to the finding."""

    CONFIRMED = "CONFIRMED"
    OVERRULED = "OVERRULED"
    UNSURE = "UNSURE"
    READ = "READ"  # there was no finding to answer
    SET_ASIDE = "SET_ASIDE"


@dataclass(frozen=True)
class Review:
    film: str
    review: str  # the page's own name for it, so that sending it twice leaves one
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
    answers: str  # `classified` of the judgement that the reader had before their eyes
    score_known: bool = False  # from elsewhere, such as a result in the PACS


def is_text(value: object, longest: int) -> TypeGuard[str]:
    """Return whether it is text that can be stored: JSON also brings halves of characters."""
    return (
        isinstance(value, str)
        and len(value) <= longest
        and not any("\ud800" <= letter <= "\udfff" for letter in value)
    )


def read_submitted(body: object) -> Submitted:
    """Return what the page sent; raise WrongRequest if it is no review."""
    if not isinstance(body, Mapping):
        raise WrongRequest("A review is a JSON object.")
    name, note = body.get("id"), body.get("note", "")
    if not isinstance(name, str) or not _ID.fullmatch(name):
        raise WrongRequest("A review needs an id of 8 to 64 hexadecimal digits.")
    if not is_text(note, LONGEST_NOTE):
        raise WrongRequest(f"A note is text of at most {LONGEST_NOTE} characters.")
    if not isinstance(body.get("answers"), str):
        raise WrongRequest("A review says by `answers` which judgement it answers.")
    try:
        reading = Reading(body.get("reading", ""))
    except ValueError:
        raise WrongRequest(f"A reading is one of {', '.join(Reading)}.") from None
    known = body.get("scoreKnown", False)
    if not isinstance(known, bool):
        raise WrongRequest("Whether the score is known from elsewhere is true or false.")
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
