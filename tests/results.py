"""Records and headers of films, for tests of the results built from them."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from pydicom.dataset import Dataset

from results.header import read_header
from screening.judgement import Finding, Judgement
from screening.precision import LocalPrecision
from screening.record import AlertState, Record
from testbed.dicom_films import dicom, film

PRECISION = LocalPrecision(confirmed=41, of=50, low=0.69, high=0.902)
NETWORK = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
REASON = "The film is a lateral view: the network knows frontal views only."

_AT = "2026-11-27T04:30:15.123Z"
_POSITIVE = Judgement(
    Finding.PNEUMONIA, Decimal("0.1"), _AT, Decimal("0.873412"), NETWORK, "AllTraffic"
)
_NEGATIVE = replace(
    _POSITIVE,
    finding=Finding.NORMAL,
    classified="2026-11-27T04:31:15.123Z",
    probability=Decimal("0.099999"),
)
_REJECT = Judgement(
    Finding.REJECTED, Decimal("0.1"), "2026-11-27T04:32:15.123Z", reason=REASON, code="lateral"
)
_JUDGEMENTS = {
    Finding.PNEUMONIA: _POSITIVE,
    Finding.NORMAL: _NEGATIVE,
    Finding.REJECTED: _REJECT,
}
EARLIER = replace(_NEGATIVE, classified="2026-11-20T08:00:00.000Z", model="older network")
_LATER = replace(_POSITIVE, classified="2026-11-28T09:00:00.000Z")


def record(finding: Finding = Finding.PNEUMONIA, **changes: Any) -> Record:
    """Return the record of a film, with some of its fields changed."""
    made = Record(
        key="ward/film.dcm",
        version="v1",
        bucket="uploads",
        etag="e",
        size=1,
        uploaded=_AT,
        judgement=_JUDGEMENTS[finding],
        alert=AlertState.NOT_NEEDED,
        digest="d" * 64,
    )
    return replace(made, **changes)


RECORDS = {
    "normal": record(Finding.NORMAL),
    "pneumonia": record(),
    "rejected": record(Finding.REJECTED),
    "rescreened": record(judgement=_LATER, earlier=(EARLIER,)),
}


def header(**tags: Any) -> Dataset:
    """Return the header of a DX film; None removes a tag."""
    return read_header(dicom(film(), tags=tags))


def items(content: Dataset) -> list[Dataset]:
    """Return all content items of a report, each before its children."""
    found = [content]
    for each in content.get("ContentSequence", ()):
        found += items(each)
    return found


def named(content: Dataset, code: str) -> list[Dataset]:
    """Return the content items of a report with this concept code."""
    return [each for each in items(content) if each.ConceptNameCodeSequence[0].CodeValue == code]
