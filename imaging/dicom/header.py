"""The header of a DICOM file: every tag that is used, read once, as named fields.

Files violate the standard in many harmless ways: decimal commas, words instead of numbers, a wrong
type. A tag that can't be read counts as absent here, so that no other module has to check it again.
The file is read with our own bounds: a deflated file of 438 kB can unfold to a gigabyte, so it is
inflated here and not by pydicom, and only the tags that are used are kept.
"""

import logging
import math
import warnings
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pydicom.config
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pydicom.valuerep import PersonName

from imaging.dicom.refused import Refused
from screening.formats import DICOM_PREFIX_BYTES, has_dicom_prefix
from screening.refusals import Code

# Real files violate harmless rules, and pydicom's warnings about them quote their values.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
warnings.filterwarnings("ignore", module=r"pydicom(\..*)?")
logging.getLogger("pydicom").setLevel(logging.CRITICAL)

MOST_INFLATED_BYTES = 128 * 1024 * 1024  # 40 million pixels of 16 bits, and the tags

_META_GROUP = 2
_DIRECTORY_RECORDS = Tag(0x0004, 0x1220)
_OVERLAY_BIT = Tag(0x6000, 0x0102)  # the bits of the samples where a retired kind of overlay lies
_LONGEST_TEXT = 64
_HIGHEST_PIXEL = 4.0  # a pixel's height by its width, or the inverse; larger ratios are errors
_MOST_ITEMS = 32  # of a sequence: more windows or codes are not plausible
_DESCRIPTIONS = (
    "SeriesDescription",
    "ProtocolName",
    "AcquisitionDeviceProcessingDescription",
    "StudyDescription",
)
_DATES = (
    "StudyDate",
    "SeriesDate",
    "AcquisitionDate",
    "AcquisitionDateTime",
    "ContentDate",
    "InstanceCreationDate",
)
_OTHERS = (
    "SpecificCharacterSet SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID "
    "AccessionNumber Modality PresentationIntentType PatientID PatientBirthDate PatientAge "
    "BodyPartExamined AnatomicRegionSequence ViewPosition ViewCodeSequence PatientOrientation "
    "SamplesPerPixel PhotometricInterpretation NumberOfFrames Rows Columns BitsAllocated "
    "BitsStored HighBit PixelRepresentation PixelSpacing ImagerPixelSpacing PixelAspectRatio "
    "PixelPaddingValue PixelPaddingRangeLimit WindowCenter WindowWidth VOILUTFunction "
    "RescaleIntercept RescaleSlope ModalityLUTSequence VOILUTSequence PresentationLUTShape "
    "ShutterShape ShutterLeftVerticalEdge ShutterRightVerticalEdge ShutterUpperHorizontalEdge "
    "ShutterLowerHorizontalEdge CenterOfCircularShutter RadiusOfCircularShutter "
    "VerticesOfThePolygonalShutter FloatPixelData DoubleFloatPixelData PixelData"
)
_TAGS: list[BaseTag] = [
    _DIRECTORY_RECORDS,
    _OVERLAY_BIT,
    *(Tag(keyword) for keyword in (*_DESCRIPTIONS, *_DATES, *_OTHERS.split())),
]


@dataclass(frozen=True)
class Coded:
    """An item of a code sequence: value and meaning, in capitals; either may be empty."""

    value: str
    meaning: str


@dataclass(frozen=True)
class Lut:
    """A lookup table as in the file; `descriptor` is length, first mapped value and bits."""

    descriptor: tuple[int, int, int]
    data: bytes | tuple[int, ...]


@dataclass(frozen=True)
class Shutter:
    """Display shutters, in pixels counted from 1; None for each absent one."""

    rectangle: tuple[int, int, int, int] | None  # left, right, upper, lower
    circle: tuple[int, int, int] | None  # row, column, radius
    polygon: tuple[tuple[int, int], ...] | None  # (row, column) of each corner


@dataclass(frozen=True)
class Header:
    """The contents of a header. Absent texts are empty, absent numbers None."""

    syntax: str
    directory: bool
    sop_class: str
    modality: str  # in capitals, like the other terms
    intent: str
    study_uid: str
    series_uid: str
    instance_uid: str
    accession_number: str
    patient_id: str
    age: str
    birth_date: str
    dates: tuple[str, ...]  # of study, series, acquisition, content and file, most reliable first
    view: str
    views: tuple[Coded, ...]
    orientation: tuple[str, ...]
    body_part: str
    regions: tuple[Coded, ...]
    descriptions: tuple[tuple[str, str], ...]  # keyword and text, closest to the image first
    frames: int
    samples_per_pixel: int
    photometric: str
    rows: int | None
    columns: int | None
    allocated: int | None
    stored: int | None
    high_bit: int | None
    signed: bool
    overlay_bits: bool
    pixel_ratio: float | None  # the height of a pixel by its width
    pixel_mm: tuple[float, float] | None  # its height and width
    calibrated: bool  # whether this is the size in the patient, not on the detector
    padding: tuple[int, int] | None
    windows: tuple[tuple[float, float], ...]  # center and width
    function: str
    slope: float | None
    intercept: float | None
    modality_lut: Lut | None
    voi_luts: tuple[Lut, ...]
    lut_shape: str
    shutter: Shutter
    float_pixels: bool
    pixels: bytes
    pixel_words: bool  # stored as 16-bit words, which matters in big endian


@dataclass(frozen=True)
class Tags:
    """Some tags of a file, its transfer syntax, and the SOP class in its file meta information."""

    dataset: Dataset
    syntax: str
    media_class: str

    def text(self, keyword: str) -> str:
        """Return a tag's first printable text; empty if absent."""
        return _text(self.dataset, keyword)

    def term(self, keyword: str) -> str:
        """Return all of a tag's text in capitals."""
        return _term(self.dataset, keyword)

    def numbers(self, keyword: str | BaseTag) -> list[float]:
        """Return the numbers of a tag; none if one of them is not a number."""
        return _numbers(self.dataset, keyword)


def read_header(data: bytes) -> Header:
    """Read a DICOM file, with or without its preamble. Raises Refused."""
    return header_of(read_tags(data))


def read_tags(data: bytes, more: Iterable[BaseTag] = ()) -> Tags:
    """Read the tags of a header, and `more`. Raises Refused."""
    file = BytesIO(data)
    if has_dicom_prefix(data):
        file.seek(DICOM_PREFIX_BYTES)
    # The first group is in explicit little endian in any case.
    meta = Dataset()
    if data[file.tell() : file.tell() + 2] == b"\x02\x00":
        meta = read_dataset(
            file,
            is_implicit_VR=False,
            is_little_endian=True,
            stop_when=lambda tag, vr, length: tag.group != _META_GROUP,
        )
    syntax = _text(meta, "TransferSyntaxUID") or _guess_syntax(data[file.tell() :][:6])
    if syntax == DeflatedExplicitVRLittleEndian:
        file = BytesIO(_inflate(data[file.tell() :]))
    dataset = read_dataset(
        file,
        is_implicit_VR=syntax == ImplicitVRLittleEndian,
        is_little_endian=syntax != ExplicitVRBigEndian,
        specific_tags=[*_TAGS, *more],
    )
    if not len(dataset):
        # pydicom returns an empty dataset for a file that ends within its pixels.
        raise Refused(Code.BROKEN)
    return Tags(dataset, syntax, _text(meta, "MediaStorageSOPClassUID"))


def header_of(tags: Tags) -> Header:
    """Return the tags as named fields."""
    dataset = tags.dataset
    pixels = _raw(dataset, "PixelData")
    return Header(
        syntax=tags.syntax,
        directory=_DIRECTORY_RECORDS in dataset,
        sop_class=_text(dataset, "SOPClassUID") or tags.media_class,
        modality=_term(dataset, "Modality"),
        intent=_term(dataset, "PresentationIntentType"),
        study_uid=_text(dataset, "StudyInstanceUID"),
        series_uid=_text(dataset, "SeriesInstanceUID"),
        instance_uid=_text(dataset, "SOPInstanceUID"),
        accession_number=_text(dataset, "AccessionNumber"),
        patient_id=_text(dataset, "PatientID"),
        age=_text(dataset, "PatientAge"),
        birth_date=_text(dataset, "PatientBirthDate"),
        dates=tuple(found for keyword in _DATES if (found := _text(dataset, keyword))),
        view=_term(dataset, "ViewPosition"),
        views=_codes(dataset, "ViewCodeSequence"),
        orientation=tuple(each.upper() for each in _texts(dataset, "PatientOrientation")),
        body_part=_term(dataset, "BodyPartExamined"),
        regions=_codes(dataset, "AnatomicRegionSequence"),
        descriptions=tuple((keyword, _term(dataset, keyword)) for keyword in _DESCRIPTIONS),
        frames=max(1, _integer(dataset, "NumberOfFrames") or 1),
        samples_per_pixel=_integer(dataset, "SamplesPerPixel") or 1,
        photometric=_term(dataset, "PhotometricInterpretation").replace(" ", ""),
        rows=_integer(dataset, "Rows"),
        columns=_integer(dataset, "Columns"),
        allocated=_integer(dataset, "BitsAllocated"),
        stored=_integer(dataset, "BitsStored"),
        high_bit=_integer(dataset, "HighBit"),
        signed=_integer(dataset, "PixelRepresentation") == 1,
        overlay_bits=bool(_integer(dataset, _OVERLAY_BIT)),
        pixel_ratio=_pixel_ratio(dataset),
        pixel_mm=_spacing(dataset, "PixelSpacing") or _spacing(dataset, "ImagerPixelSpacing"),
        calibrated=_calibrated(dataset),
        padding=_padding(dataset),
        windows=tuple(
            zip(_numbers(dataset, "WindowCenter"), _numbers(dataset, "WindowWidth"), strict=False)
        ),
        function=_term(dataset, "VOILUTFunction"),
        slope=_number(dataset, "RescaleSlope"),
        intercept=_number(dataset, "RescaleIntercept"),
        modality_lut=next(_luts(dataset, "ModalityLUTSequence"), None),
        voi_luts=tuple(_luts(dataset, "VOILUTSequence")),
        lut_shape=_term(dataset, "PresentationLUTShape"),
        shutter=_shutter(dataset),
        float_pixels="FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset,
        pixels=pixels if isinstance(pixels, bytes) else b"",
        pixel_words="PixelData" in dataset and dataset.get_item("PixelData").VR == "OW",
    )


def _raw(dataset: Dataset, keyword: str | BaseTag) -> Any:  # noqa: ANN401 - of any type
    """Return a tag's value by its type, or as bytes if it does not fit its type."""
    try:
        found = dataset[keyword].value if keyword in dataset else None
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - pydicom raises of any kind for a value of the wrong type
        found = dataset.get_item(keyword).value
    return found


def _values(dataset: Dataset, keyword: str | BaseTag) -> list[Any]:
    """Return all values of a tag; none if it is absent or empty."""
    found = _raw(dataset, keyword)
    if isinstance(found, bytes):
        found = found.decode("latin-1")
    if isinstance(found, str):
        # Of a type with values that pydicom does not split.
        return [each for each in found.rstrip("\x00 ").split("\\") if each.strip()]
    if found is None or isinstance(found, Dataset):
        return []
    if isinstance(found, PersonName):
        return [found]
    if isinstance(found, int | float) or not hasattr(found, "__iter__"):
        return [found]
    return list(found)[:1024]


def _texts(dataset: Dataset, keyword: str) -> list[str]:
    """Return the values of a tag as printable texts of at most 64 characters."""
    lines = (
        "".join(sign for sign in str(value)[:_LONGEST_TEXT] if sign.isprintable()).strip()
        for value in _values(dataset, keyword)
    )
    return [line for line in lines if line]


def _text(dataset: Dataset, keyword: str) -> str:
    return next(iter(_texts(dataset, keyword)), "")


def _term(dataset: Dataset, keyword: str) -> str:
    """Return all of a tag's text in capitals: some descriptions contain the separator of values."""
    return " ".join(_texts(dataset, keyword)).upper()


def _numbers(dataset: Dataset, keyword: str | BaseTag) -> list[float]:
    """Return a tag's numbers, also with decimal commas; none if one is not a finite number."""
    try:
        found = [float(str(value).replace(",", ".")) for value in _values(dataset, keyword)]
    except ValueError:
        return []
    return found if all(math.isfinite(each) and abs(each) < 1e9 for each in found) else []


def _number(dataset: Dataset, keyword: str | BaseTag) -> float | None:
    return next(iter(_numbers(dataset, keyword)), None)


def _integer(dataset: Dataset, keyword: str | BaseTag) -> int | None:
    found = _number(dataset, keyword)
    return None if found is None or found != int(found) else int(found)


def _codes(dataset: Dataset, keyword: str) -> tuple[Coded, ...]:
    found = (
        Coded(_term(item, "CodeValue"), _term(item, "CodeMeaning"))
        for item in _items(dataset, keyword)
    )
    return tuple(found)


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    found = _raw(dataset, keyword)
    if isinstance(found, str | bytes) or not hasattr(found, "__iter__"):
        return []
    return [item for item in list(found)[:_MOST_ITEMS] if isinstance(item, Dataset)]


def _luts(dataset: Dataset, keyword: str) -> Iterator[Lut]:
    for item in _items(dataset, keyword):
        descriptor = [int(each) for each in _numbers(item, "LUTDescriptor")]
        data = _raw(item, "LUTData")
        if len(descriptor) == 3 and data is not None:
            length, first, bits = descriptor
            whole = data if isinstance(data, bytes) else tuple(int(v) for v in _values_of(data))
            yield Lut((length, first, bits), whole)


def _values_of(data: Any) -> list[Any]:  # noqa: ANN401 - what pydicom makes of a LUT
    return list(data) if hasattr(data, "__iter__") and not isinstance(data, str) else []


def _padding(dataset: Dataset) -> tuple[int, int] | None:
    value = _integer(dataset, "PixelPaddingValue")
    limit = _integer(dataset, "PixelPaddingRangeLimit")
    return None if value is None else (value, value if limit is None else limit)


def _pixel_ratio(dataset: Dataset) -> float | None:
    for keyword in ("PixelAspectRatio", "PixelSpacing", "ImagerPixelSpacing"):
        if sides := _spacing(dataset, keyword):
            return sides[0] / sides[1]
    return None


def _calibrated(dataset: Dataset) -> bool:
    on_detector, found = (
        _spacing(dataset, keyword) for keyword in ("ImagerPixelSpacing", "PixelSpacing")
    )
    return None not in (on_detector, found) and on_detector != found


def _spacing(dataset: Dataset, keyword: str) -> tuple[float, float] | None:
    values = _numbers(dataset, keyword)
    if len(values) == 2 and min(values) > 0 and max(values) <= _HIGHEST_PIXEL * min(values):
        return values[0], values[1]
    return None


def _shutter(dataset: Dataset) -> Shutter:
    shapes = _term(dataset, "ShutterShape")
    edges = [
        _integer(dataset, f"Shutter{edge}Edge")
        for edge in ("LeftVertical", "RightVertical", "UpperHorizontal", "LowerHorizontal")
    ]
    center = _numbers(dataset, "CenterOfCircularShutter")
    radius = _integer(dataset, "RadiusOfCircularShutter")
    corners = [int(each) for each in _numbers(dataset, "VerticesOfThePolygonalShutter")]
    left, right, upper, lower = edges
    rectangle = circle = polygon = None
    if "RECTANGULAR" in shapes and None not in (left, right, upper, lower):
        rectangle = (left or 0, right or 0, upper or 0, lower or 0)
    if "CIRCULAR" in shapes and len(center) == 2 and radius is not None and radius > 0:
        circle = (int(center[0]), int(center[1]), radius)
    if "POLYGONAL" in shapes and len(corners) >= 6 and not len(corners) % 2:
        polygon = tuple(zip(corners[::2], corners[1::2], strict=True))
    return Shutter(rectangle, circle, polygon)


def _guess_syntax(start: bytes) -> str:
    """Return the uncompressed transfer syntax of a file whose header does not name one."""
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
