"""Patients: who is the same person, by PatientID, by file name or by folder."""

import hashlib
import re
import unicodedata
import warnings
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

_PUBLISHED_NAME = re.compile(r"(?P<series>person|(?:NORMAL2-)?IM-)(?P<number>\d+)", re.IGNORECASE)
# The series of the published names, and the class that its films have there.
_SERIES = {"person": ("person", 1), "im-": ("IM-", 0), "normal2-im-": ("NORMAL2-IM-", 0)}
_PREPARED_NAME = re.compile(r"patient-(?P<digest>[0-9a-f]{12})-\d+\b")
_NAMELESS = re.compile(
    r"person\d+_(?:bacteria|virus)(?:_\d+){1,2}|(?:NORMAL2-)?IM(?:-\d+){2,3}|"
    r"(?:person|(?:NORMAL2-)?IM-)\d+-\d+|patient-[0-9a-f]{12}-\d+",
    re.ASCII,
)
_DIGITS = 12
# What exports write in place of a number: one patient for all films would be wrong.
_NOBODY = re.compile(
    r"0*|x+|na|nan|nil|none|null|unknown|unnamed|test|patient|pseudonym|"
    r"(?:anon|anonym|anonymous|anonymi[sz]ed|deidentified|removed|redacted|hidden)(?:patient)?"
)


class Known(StrEnum):
    """What a film's patient is known by, the most reliable first."""

    TABLE = "table"  # of --patients
    PATIENT_ID = "PatientID"
    FILE_NAME = "file name"
    FOLDER = "folder"
    NOTHING = "nothing"  # so it counts as a patient of its own


@dataclass(frozen=True, order=True)
class Patient:
    """Who a film shows.

    `person1011_virus_1.jpeg` is number 1011 of series `person`, in the class that this series has
    in the published set. Other patients are in the series without a name, by `name`: a digest of
    PatientID, a name of the user's own table, a folder, or the film's name without its suffix. Only
    the last has the class of its film, since one person's films may be healthy and ill.
    """

    label: int
    series: str
    number: int
    name: str = ""

    def __str__(self) -> str:
        return f"{self.series}{self.number}" if self.series else self.name

    @property
    def digest(self) -> str:
        """Who it is without the name; of PatientID the digest that `name` is."""
        if self.series or self.label:  # of a class: the film's name, which two classes may have
            return digest(f"{self.label} {self}")
        known = re.fullmatch(rf"[0-9a-f]{{{_DIGITS}}}", self.name)
        return self.name if known else digest(self.name)

    @property
    def file_name(self) -> str:
        """How a file's name begins that tells the patient to `published`, and nobody's name."""
        return str(self) if self.series else f"patient-{self.digest}"


def published(name: str) -> Patient | None:
    """The patient in a published file name, or in a name that `prepare` or `export` gave."""
    if found := _PREPARED_NAME.match(name):
        return Patient(0, "", 0, found["digest"])
    if found := _PUBLISHED_NAME.match(name):
        series, label = _SERIES[found["series"].lower()]
        return Patient(label, series, int(found["number"]))
    return None


def is_nameless(stem: str) -> bool:
    """Tell whether a file's name without its suffix is one of the published or prepared ones."""
    return bool(_NAMELESS.fullmatch(stem))


def patient_in(file: Path | BinaryIO) -> Patient | None:
    """The patient that a DICOM file names; None where it names nobody or can't be read."""
    # Imported late: whoever has no DICOM films goes without the library.
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
    """A short hash of a patient's number or name, alike for its usual spellings.

    These are an issuer after ^, spaces, case, and leading zeros. Two hospitals' equal numbers count
    as one patient: that only keeps films together.
    """
    return hashlib.sha256(_canonical(number).encode(errors="surrogatepass")).hexdigest()[:_DIGITS]


def names_nobody(number: str) -> bool:
    """Tell whether a PatientID is empty, or one that exports give to everybody."""
    return bool(_NOBODY.fullmatch(re.sub(r"[\W_]+", "", _canonical(number))))


def _canonical(number: str) -> str:
    own = unicodedata.normalize("NFKC", number).partition("^")[0]
    own = re.sub(r"[\s\x00]+", "", own).casefold()
    return own.lstrip("0") or own[:1]
