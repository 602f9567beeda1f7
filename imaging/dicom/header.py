"""The tags of a DICOM file, read with bounds of our own.

A deflated file of 438 kB can unfold to a gigabyte, so it is inflated here and not by pydicom. Only
the tags that are used are kept.
"""

import logging
import warnings
import zlib
from io import BytesIO
from typing import Any

import pydicom.config
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from imaging.dicom.refused import Refused
from screening.formats import DICOM_PREFIX_BYTES, has_dicom_prefix
from screening.refusals import Code

# Files of the field break rules that do no harm; and what pydicom says of them quotes their values.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
warnings.filterwarnings("ignore", module=r"pydicom(\..*)?")
logging.getLogger("pydicom").setLevel(logging.CRITICAL)

MOST_INFLATED_BYTES = 128 * 1024 * 1024  # 40 million pixels of 16 bits, and the tags

_META_GROUP = 2
_TAGS = [
    Tag(keyword)
    for keyword in (
        "SpecificCharacterSet",
        "SOPClassUID",
        "SOPInstanceUID",
        "StudyDate",
        "AccessionNumber",
        "Modality",
        "PresentationIntentType",
        "PatientID",
        "PatientBirthDate",
        "PatientAge",
        "BodyPartExamined",
        "ImagerPixelSpacing",
        "ViewPosition",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "SamplesPerPixel",
        "PhotometricInterpretation",
        "NumberOfFrames",
        "Rows",
        "Columns",
        "PixelSpacing",
        "PixelAspectRatio",
        "BitsAllocated",
        "BitsStored",
        "HighBit",
        "PixelRepresentation",
        "PixelPaddingValue",
        "PixelPaddingRangeLimit",
        "WindowCenter",
        "WindowWidth",
        "RescaleIntercept",
        "RescaleSlope",
        "VOILUTFunction",
        "ModalityLUTSequence",
        "VOILUTSequence",
        "PresentationLUTShape",
        "FloatPixelData",
        "DoubleFloatPixelData",
        "PixelData",
    )
]


def read_header(data: bytes) -> tuple[Dataset, str]:
    """Return the tags that are used, the pixels' own among them, and the transfer syntax's UID."""
    file = BytesIO(data)
    if has_dicom_prefix(data):
        file.seek(DICOM_PREFIX_BYTES)
    # The first group is in explicit little endian whatever follows it.
    meta = Dataset()
    if data[file.tell() : file.tell() + 2] == b"\x02\x00":
        meta = read_dataset(
            file,
            is_implicit_VR=False,
            is_little_endian=True,
            stop_when=lambda tag, vr, length: tag.group != _META_GROUP,
        )
    syntax = text(meta, "TransferSyntaxUID") or _guess_syntax(data[file.tell() :][:6])
    if syntax == DeflatedExplicitVRLittleEndian:
        file = BytesIO(_inflate(data[file.tell() :]))
    dataset = read_dataset(
        file,
        is_implicit_VR=syntax == ImplicitVRLittleEndian,
        is_little_endian=syntax != ExplicitVRBigEndian,
        specific_tags=_TAGS,  # type: ignore[arg-type]
    )
    if not len(dataset):
        # What pydicom leaves of a file that ends in the middle of its pixels.
        raise Refused(Code.BROKEN)
    return dataset, syntax


def text(dataset: Dataset, keyword: str) -> str | None:
    """Return a tag's first value as printable text of at most 64 characters, if it has any."""
    value = first(dataset, keyword)
    if value is None:
        return None
    line = "".join(sign for sign in str(value)[:64] if sign.isprintable()).strip()
    return line or None


def number(dataset: Dataset, keyword: str) -> int | None:
    value = first(dataset, keyword)
    return None if value is None or value == "" else int(value)


def first(dataset: Dataset, keyword: str) -> Any:  # noqa: ANN401
    values = every(dataset, keyword)
    return values[0] if values else None


def every(dataset: Dataset, keyword: str) -> list[Any]:
    """Return all values of a tag; none where it is missing or empty."""
    value = dataset.get(keyword)
    if value is None:
        return []
    if isinstance(value, str | bytes | int | float) or not hasattr(value, "__iter__"):
        return [value]
    return list(value)


def _guess_syntax(start: bytes) -> str:
    """Which of the two plain syntaxes it is, of a file that does not say so."""
    explicit = start[4:6].isalpha() and start[4:6].isupper()
    return ExplicitVRLittleEndian if explicit else ImplicitVRLittleEndian


def _inflate(data: bytes) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = inflater.decompress(data, MOST_INFLATED_BYTES)
    if inflater.unconsumed_tail:
        raise Refused(Code.TOO_LARGE)
    if not inflater.eof:
        raise Refused(Code.BROKEN)
    return inflated
