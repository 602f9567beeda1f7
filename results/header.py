"""The header of a film, made safe for a result: missing values are empty, text is Unicode.

Real films violate the standard, and each of them still needs a result. So values that can't be read
or written count as missing here, and the builders need no further checks.
"""

import logging
import re
import warnings
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

import pydicom.config
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import Tag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from results.identifiers import derived, uid
from screening.film_name import film_name
from screening.formats import DICOM_PREFIX_BYTES, has_dicom_prefix
from screening.record import Record

# pydicom quotes broken values in its warnings, and these may be a patient's.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
warnings.filterwarnings("ignore", module=r"pydicom(\..*)?")
logging.getLogger("pydicom").setLevel(logging.CRITICAL)

UNICODE = "ISO_IR 192"
_META_GROUP = 2
_PIXEL_GROUP = 0x7FE0
_MOST_INFLATED_BYTES = 16 * 1024 * 1024  # the tags before the pixels; limits a deflated file

# Type 2 of the patient and study modules: required, though they may be empty.
_REQUIRED = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyID", "StudyDate",
    "StudyTime", "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip
# Copied if present, so that a PACS files the result with its film.
_OPTIONAL = (
    "IssuerOfPatientID",
    "StudyDescription",
    "PatientAge",
    "TimezoneOffsetFromUTC",
    "Modality",
)
_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
_METHOD = "DeidentificationMethod"  # set in copies with their identity kept on site
_FORMS = {
    "StudyTime": r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?",
    "Modality": r"[A-Z]{2,16}",
    "PatientSex": r"[MFO]",
    "PatientAge": r"\d{3}[DWMY]",
    "TimezoneOffsetFromUTC": r"[+-](0\d|1[0-4])[0-5]\d",
}
_UID = re.compile(r"[0-9.]{1,64}")
_IMAGES = "Image Storage"  # in the name of every SOP class that a report may show as an image
_TAGS = [
    Tag(keyword) for keyword in ("SpecificCharacterSet", _METHOD, *_REQUIRED, *_OPTIONAL, *_UIDS)
]


class UnreadableHeader(Exception):
    """The file has no readable DICOM header; the message is one sentence."""


@dataclass(frozen=True)
class Film:
    """The part of a film's header that results use.

    `dataset` has every attribute of type 2 that a result needs, as text, and a study UID. `name` is
    the film's SOP Instance UID or, without one, another stable name. `referable` says whether the
    film is an image in a PACS that a result can reference. `dicom` is false for JPEG and PNG.
    """

    dataset: Dataset
    name: str
    referable: bool
    dicom: bool

    def text(self, keyword: str) -> str:
        """Return an attribute as text, its values joined; empty if the film has none."""
        return _text(self.dataset, keyword)


def read_header(data: bytes) -> Dataset:
    """Read the tags of a DICOM file that results need. Raises UnreadableHeader."""
    try:
        dataset = _read(data)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - pydicom raises of any kind for broken files
        dataset = Dataset()
    if not len(dataset):
        raise UnreadableHeader(
            "The film has no DICOM header that can be read: look at the file itself, or build its "
            "result without a header."
        )
    return dataset


def _read(data: bytes) -> Dataset:
    file = BytesIO(data)
    if has_dicom_prefix(data):
        file.seek(DICOM_PREFIX_BYTES)
    meta = Dataset()
    if data[file.tell() : file.tell() + 2] == b"\x02\x00":
        meta = read_dataset(
            file,
            is_implicit_VR=False,
            is_little_endian=True,
            stop_when=lambda tag, vr, length: tag.group != _META_GROUP,
        )
    start = data[file.tell() : file.tell() + 6]
    plain = ExplicitVRLittleEndian if start[4:6].isalpha() else ImplicitVRLittleEndian
    syntax = _text(meta, "TransferSyntaxUID") or plain
    if syntax == DeflatedExplicitVRLittleEndian:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        file = BytesIO(inflater.decompress(data[file.tell() :], _MOST_INFLATED_BYTES))
    return read_dataset(
        file,
        is_implicit_VR=syntax == ImplicitVRLittleEndian,
        is_little_endian=syntax != ExplicitVRBigEndian,
        stop_when=lambda tag, vr, length: tag.group >= _PIXEL_GROUP,
        specific_tags=_TAGS,  # type: ignore[arg-type]
    )


def film_of(record: Record, header: Dataset | None) -> Film:
    """Return the film of a record; `header` is None for a JPEG or PNG file."""
    read = header if header is not None else Dataset()
    dataset = Dataset()
    dataset.SpecificCharacterSet = UNICODE
    for keyword in (*_REQUIRED, *_OPTIONAL):
        text = _text(read, keyword)
        if not _is_of_its_form(keyword, text):
            text = ""
        if text or keyword in _REQUIRED:
            setattr(dataset, keyword, text)
    uids = {keyword: _text(read, keyword) for keyword in _UIDS}
    uids = {keyword: text if _UID.fullmatch(text) else "" for keyword, text in uids.items()}
    name = uids["SOPInstanceUID"] or record.digest or film_name(record.key, record.version)
    referable = all(uids.values()) and _IMAGES in UID(uids["SOPClassUID"]).name
    # Results of a film without a study UID form a study of their own.
    dataset.StudyInstanceUID = uids["StudyInstanceUID"] or uid(derived("study", name))
    for keyword in _UIDS[1:]:
        if uids[keyword]:
            setattr(dataset, keyword, uids[keyword])
    return Film(dataset, name, referable, dicom=header is not None)


def _is_of_its_form(keyword: str, text: str) -> bool:
    if keyword.endswith("Date"):
        try:
            return len(text) == len("20261127") and bool(datetime.strptime(text, "%Y%m%d"))  # noqa: DTZ007
        except ValueError:
            return False
    return keyword not in _FORMS or re.fullmatch(_FORMS[keyword], text) is not None


def _text(dataset: Dataset, keyword: str) -> str:
    """Return the printable text of a tag, without control characters; empty if unreadable."""
    if keyword not in dataset:
        return ""
    try:
        value = dataset[keyword].value
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - pydicom raises of any kind for a value of the wrong type
        value = dataset.get_item(keyword).value
    return "".join(sign for sign in _joined(value) if sign.isprintable()).strip()


def _joined(value: Any) -> str:  # noqa: ANN401 - of any type
    if value is None or isinstance(value, Dataset):
        return ""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, Iterable) and not isinstance(value, str) and not _is_name(value):
        return "\\".join(_joined(each) for each in value)
    return str(value)


def _is_name(value: object) -> bool:
    return type(value).__name__ == "PersonName"
