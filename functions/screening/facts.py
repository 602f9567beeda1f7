"""Facts from a DICOM file beside the pixels, and notes on the patient's age. Pure.

The record keeps the facts. Name, patient number and birth date are never among them. Accession
number and UIDs stay in the record: no log, alert, metric or object key contains them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

ADULT_YEARS = 18
LEARNED_BELOW_YEARS = 6

ADULT_REASON = (
    "The patient is an adult: the network was trained on children only, and reports pneumonia in "
    "most healthy adults. A doctor has to look at this film."
)
OLDER_CHILD_NOTE = (
    "The child is older than the network's training films, which show "
    "children of one to five years."
)

REFUSED = "refused"  # the `rendering` of a film that no network was asked about
_LONGEST = 160  # characters of `rendering`, which lists all steps; other texts have 64
_AGE = re.compile(r"(\d{1,3})([DWMY])")
_IN_A_YEAR = {"D": 365.25, "W": 52.18, "M": 12, "Y": 1}
UNTOLD = frozenset({"study_uid", "series_uid", "instance_uid", "accession_number"})


@dataclass(frozen=True)
class Facts:
    """The facts of a file, each None if absent; `rendering` lists the steps of the rendition."""

    modality: str
    rendering: str
    study_uid: str | None = None
    series_uid: str | None = None
    instance_uid: str | None = None
    accession_number: str | None = None
    view: str | None = None
    body_part: str | None = None
    age: str | None = None  # e.g. 004Y, 018M, 003W or 010D

    @property
    def years(self) -> float | None:
        found = _AGE.fullmatch(self.age or "")
        return int(found[1]) / _IN_A_YEAR[found[2]] if found else None

    @property
    def adult(self) -> bool:
        return self.years is not None and self.years >= ADULT_YEARS

    @property
    def note(self) -> str | None:
        """Return the notes that must accompany a finding on this film."""
        years = self.years
        if years is None or not LEARNED_BELOW_YEARS <= years < ADULT_YEARS:
            return None
        return OLDER_CHILD_NOTE

    @property
    def known(self) -> dict[str, str]:
        """The facts that an alert may hold."""
        return {name: value for name, value in plain(self).items() if name not in UNTOLD}


def plain(facts: Facts) -> dict[str, str]:
    """Return the known facts as names and texts."""
    return {name: value for name, value in vars(facts).items() if value is not None}


def facts_from(values: Mapping[str, Any]) -> Facts:
    """Return the facts from the output of `plain`.

    Raise TypeError or KeyError for anything else.
    """
    known: dict[str, str] = {}
    for each in fields(Facts):
        value = values.get(each.name)
        if value is None:
            continue
        if not isinstance(value, str) or len(value) > _LONGEST:
            raise TypeError
        known[each.name] = value
    return Facts(known.pop("modality"), known.pop("rendering"), **known)
