"""Patients: identify the same person by PatientID, by file name or by folder."""

import hashlib
import re
import unicodedata
import warnings
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

_PUBLISHED_NAME = re.compile(r"(?P<series>person|(?:NORMAL2-)?IM-)(?P<number>\d+)", re.IGNORECASE)
# The series of the published names, and the class of their films.
_SERIES = {"person": ("person", 1), "im-": ("IM-", 0), "normal2-im-": ("NORMAL2-IM-", 0)}
_PREPARED_NAME = re.compile(r"patient-(?P<digest>[0-9a-f]{12})-\d+\b")
_NAMELESS = re.compile(
    r"person\d+_(?:bacteria|virus)(?:_\d+){1,2}|(?:NORMAL2-)?IM(?:-\d+){2,3}|"
    r"(?:person|(?:NORMAL2-)?IM-)\d+-\d+|patient-[0-9a-f]{12}-\d+",
    re.ASCII,
)
_DIGITS = 12
# Texts that exports write instead of a number; as one patient for all films they would be wrong.
_NOBODY = re.compile(
    r"0*|x+|na|nan|nil|none|null|unknown|unnamed|test|patient|pseudonym|"
    r"(?:anon|anonym|anonymous|anonymi[sz]ed|deidentified|removed|redacted|hidden)(?:patient)?"
)


class Known(StrEnum):
    """The ways to identify a film's patient, most reliable first."""

    TABLE = "table"  # by --patients
    PATIENT_ID = "PatientID"
    FILE_NAME = "file name"
    FOLDER = "folder"
    NOTHING = "nothing"  # not identified, so it counts as a patient of its own


@dataclass(frozen=True, order=True)
class Patient:
    """The patient of a film.

    `person1011_virus_1.jpeg` is number 1011 of series `person`, in the class that this series has
    in the published set. Other patients are in the series without a name, by `name`: a digest of
    PatientID, a name in the user's own table, a folder, or the film's name without its suffix. Only
    the last one has the class of its film, since one person's films may be normal and positive.
    """

    label: int
    series: str
    number: int
    name: str = ""

    def __str__(self) -> str:
        return f"{self.series}{self.number}" if self.series else self.name

    @property
    def digest(self) -> str:
        """Return the identity without the name; for PatientID it is the digest in `name`."""
        if self.series or self.label:  # of a class: the film's name, which two classes may have
            return digest(f"{self.label} {self}")
        known = re.fullmatch(rf"[0-9a-f]{{{_DIGITS}}}", self.name)
        return self.name if known else digest(self.name)

    @property
    def file_name(self) -> str:
        """Return the start of a file name that `published` can read, without any person's name."""
        return str(self) if self.series else f"patient-{self.digest}"


def published(name: str) -> Patient | None:
    """Return the patient in a published file name, or in a name from `prepare` or `export`."""
    if found := _PREPARED_NAME.match(name):
        return Patient(0, "", 0, found["digest"])
    if found := _PUBLISHED_NAME.match(name):
        series, label = _SERIES[found["series"].lower()]
        return Patient(label, series, int(found["number"]))
    return None


def is_nameless(stem: str) -> bool:
    """Return whether a file's name without its suffix is a published or prepared one."""
    return bool(_NAMELESS.fullmatch(stem))


def patient_in(file: Path | BinaryIO) -> Patient | None:
    """Return the patient in a DICOM file; None if it has none or can't be read."""
    # Imported late, so that the library is needed only for DICOM films.
    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            header = pydicom.dcmread(
                file, stop_before_pixels=True, force=True, specific_tags=["PatientID"]
            )
            number = str(header.get("PatientID", "") or "")
        except Exception:  # noqa: BLE001 - pydicom raises whatever a damaged file makes of it
            return None
    return None if names_nobody(number) else Patient(0, "", 0, digest(number))


def digest(number: str) -> str:
    """Return a short hash of a patient's number or name, equal for its usual spellings.

    It ignores an issuer after ^, spaces, case, and leading zeros. Equal numbers of two hospitals
    count as one patient, which only keeps their films together.
    """
    return hashlib.sha256(_canonical(number).encode(errors="surrogatepass")).hexdigest()[:_DIGITS]


def names_nobody(number: str) -> bool:
    """Return whether a PatientID is empty, or one that exports give to every patient."""
    return bool(_NOBODY.fullmatch(re.sub(r"[\W_]+", "", _canonical(number))))


def _canonical(number: str) -> str:
    own = unicodedata.normalize("NFKC", number).partition("^")[0]
    own = re.sub(r"[\s\x00]+", "", own).casefold()
    return own.lstrip("0") or own[:1]
