"""De-identification: split a film into a copy without identity, and the identity.

The copy is built from the header's fields that rendering uses, so it contains only what is
named here: a number as a number, a text as one term of a closed list. Descriptions, in which people
write names, are replaced by the terms that they decide, e.g. "CHEST LATERAL". A file that would be
rejected is copied without its pixels. The pixels of a film are not encoded again; comments inside a
compressed stream are removed.

This follows the spirit of DICOM PS3.15 E.1, but is stricter: the standard lists what to remove,
this module lists what to keep.
"""

import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.tag import Tag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)
from pydicom.valuerep import format_number_as_ds

from imaging.derived_uid import METHOD, derived_uid
from imaging.dicom.ages import age_of
from imaging.dicom.codes import CHEST, FRONTAL_VIEWS, OTHER_PARTS, SIDE_VIEWS
from imaging.dicom.header import (
    Coded,
    Header,
    Lut,
    Tags,
    header_of,
    read_tags,
)
from imaging.dicom.refused import Refused, blaming_the_file
from imaging.dicom.samples import JPEG_2000S, JPEGS, PLAIN, fragments_of
from imaging.dicom.suitable import check_suitable
from imaging.dicom.vocabulary import names_chest, names_frontal, names_other_part, names_side
from imaging.refusals import NotReadable

# The identity that results need; results/header.py reads these tags.
IDENTITY = (
    "SpecificCharacterSet", "PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate",
    "PatientSex", "PatientAge", "StudyID", "StudyDate", "StudyTime", "TimezoneOffsetFromUTC",
    "StudyDescription", "AccessionNumber", "ReferringPhysicianName", "Modality",
    "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID",
)  # fmt: skip

_IMPLEMENTATION = derived_uid(b"", "cxr-alert allow list")
_TEXTS = ("Manufacturer", "ManufacturerModelName")
_SPACINGS = {"PixelSpacing": "DS", "ImagerPixelSpacing": "DS", "PixelAspectRatio": "IS"}
_OLDEST_YEARS = 89  # above this age, the age alone may identify a patient
_OVERLAYS = [(Tag(group, 0x0102), Tag(group, 0x3000)) for group in range(0x6000, 0x6020, 2)]
_READ_BESIDE = [
    *(Tag(keyword) for keyword in (*IDENTITY, *_TEXTS, *_SPACINGS, "BurnedInAnnotation")),
    *(tag for overlay in _OVERLAYS for tag in overlay),
]

_MODALITIES = frozenset(
    {
        "AR", "BMD", "CR", "CT", "DR", "DX", "ECG", "ES", "GM", "IO", "IVUS", "KO", "MG", "MR",
        "NM", "OP", "OPT", "OT", "PR", "PT", "PX", "RF", "RG", "SC", "SM", "SR", "US", "XA", "XC",
    }
)  # fmt: skip
_PHOTOMETRICS = frozenset({"MONOCHROME1", "MONOCHROME2", "PALETTECOLOR", "RGB", "YBR_FULL"})
_ORIENTATION = re.compile(r"[LRAPHF]{1,3}")
_NAME_PART = re.compile(r"[^\W_]{3,}")
_SHUTTER_EDGES = (
    "ShutterLeftVerticalEdge",
    "ShutterRightVerticalEdge",
    "ShutterUpperHorizontalEdge",
    "ShutterLowerHorizontalEdge",
)
_SCAN, _TILE, _END = b"\xff\xda", b"\xff\x90", b"\xff\xd9"
_COMMENT_2000 = 0x64
_NO_PIXELS = bytes(2)
# No sample of a JPEG or JPEG-LS scan begins like this: these segments could hold text.
_TEXT_SEGMENT = re.compile(rb"\xff[\xe0-\xef\xfe]")


class NotDeidentified(NotReadable):
    """The film's pixels may identify the patient."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True)
class Deidentified:
    """The two parts; `copy` and `identity` are DICOM files.

    The study's UID is the one in the copy.
    """

    copy: bytes
    identity: bytes
    study_uid: str


def deidentify(data: bytes, key: bytes, instance_uid: str) -> Deidentified:
    """Split a film; `key` derives the UIDs, `instance_uid` is used if the file has none.

    Raises NotReadable if the file can't be read, or its pixels may identify the patient.
    """
    with blaming_the_file():
        tags = read_tags(data, _READ_BESIDE)
        _check_pixels_say_nothing(tags)
        header = header_of(tags)
        dataset = _copy(tags, header, key, instance_uid)
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = UID(dataset.get("SOPClassUID", ""))
        meta.MediaStorageSOPInstanceUID = UID(dataset.SOPInstanceUID)
        study_uid = str(dataset.get("StudyInstanceUID", ""))
        return Deidentified(_written(dataset, meta, _syntax_of(header)), _identity(tags), study_uid)


def _check_pixels_say_nothing(tags: Tags) -> None:
    if tags.text("BurnedInAnnotation").upper() == "YES":
        raise NotDeidentified(
            "burned_in",
            "The film's pixels contain text that may name the patient (BurnedInAnnotation YES). "
            "Export it without.",
        )
    for position, overlay in _OVERLAYS:
        if any(tags.numbers(position)) and overlay not in tags.dataset:
            raise NotDeidentified(
                "overlay",
                "An overlay in the film's pixels may name the patient. Export it "
                "without the overlay.",
            )


def _copy(tags: Tags, header: Header, key: bytes, instance_uid: str) -> Dataset:
    made = Dataset()
    _add_identifiers(made, header, key, instance_uid)
    _add_patient(made, tags, header)
    _add_description(made, header)
    for keyword in _TEXTS:
        text = tags.text(keyword)
        if text.isascii() and not _names(text, tags):
            _set(made, keyword, text)
    if tags.text("BurnedInAnnotation").upper() == "NO":
        made.BurnedInAnnotation = "NO"
    _add_image(made, tags, header)
    _add_tones(made, header)
    _add_shutter(made, header)
    if header.directory:
        # The copy must be refused as a directory as well.
        made.add(DataElement(Tag(0x0004, 0x1220), "SQ", []))
    return made


def _add_identifiers(made: Dataset, header: Header, key: bytes, instance_uid: str) -> None:
    made.PatientIdentityRemoved = "YES"
    made.DeidentificationMethod = METHOD
    if UID(header.sop_class).type:  # defined by the standard: other terms may contain anything
        made.SOPClassUID = header.sop_class
    made.SOPInstanceUID = derived_uid(key, header.instance_uid or instance_uid)
    for keyword, uid in (
        ("StudyInstanceUID", header.study_uid),
        ("SeriesInstanceUID", header.series_uid),
    ):
        _set(made, keyword, derived_uid(key, uid) if uid else "")


def _add_patient(made: Dataset, tags: Tags, header: Header) -> None:
    age = age_of(header.age, header.birth_date, header.dates)
    if age and age.endswith("Y") and int(age[:-1]) > _OLDEST_YEARS:
        age = f"{_OLDEST_YEARS + 1:03d}Y"
    _set(made, "PatientAge", age or "")
    sex = tags.text("PatientSex").upper()
    _set(made, "PatientSex", sex if sex in ("M", "F", "O") else "")


def _add_description(made: Dataset, header: Header) -> None:
    """Add the description of the kind of film."""
    if header.modality:
        made.Modality = header.modality if header.modality in _MODALITIES else "OT"
    if header.intent in ("FOR PRESENTATION", "FOR PROCESSING"):
        made.PresentationIntentType = header.intent
    _set(made, "ViewPosition", _view(header.view))
    _set(made, "BodyPartExamined", _decisive(header.body_part))
    for keyword, text in header.descriptions:
        _set(made, keyword, _decisive(text))
    if all(_ORIENTATION.fullmatch(each) for each in header.orientation):
        _set(made, "PatientOrientation", list(header.orientation))
    for keyword, codes, known in (
        ("ViewCodeSequence", header.views, FRONTAL_VIEWS | SIDE_VIEWS),
        ("AnatomicRegionSequence", header.regions, CHEST | OTHER_PARTS),
    ):
        _set(made, keyword, [_coded(code, known) for code in codes])


def _view(text: str) -> str:
    return text if text in ("AP", "PA", "LL", "RL", "RLD", "LLD", "RLO", "LLO") else _decisive(text)


def _decisive(text: str) -> str:
    """Return the terms of a closed list that lead to the same decision as the text."""
    reasons = (
        ("CHEST", names_chest(text)),
        ("EXTREMITY", names_other_part(text)),
        ("FRONTAL", names_frontal(text)),
        ("LATERAL", names_side(text)),
    )
    return " ".join(word for word, named in reasons if named)


def _coded(code: Coded, known: frozenset[str]) -> Dataset:
    item = Dataset()
    if code.value in known:
        item.CodeValue = code.value
    item.CodeMeaning = _decisive(code.meaning)
    return item


def _names(text: str, tags: Tags) -> bool:
    """Return whether a text contains a part of the patient's name or number."""
    identity = " ".join(
        tags.term(keyword)
        for keyword in ("PatientName", "PatientID", "AccessionNumber", "ReferringPhysicianName")
    )
    return any(part in text.upper() for part in _NAME_PART.findall(identity))


def _add_image(made: Dataset, tags: Tags, header: Header) -> None:
    for keyword, number in (
        ("SamplesPerPixel", header.samples_per_pixel),
        ("Rows", header.rows),
        ("Columns", header.columns),
        ("BitsAllocated", header.allocated),
        ("BitsStored", header.stored),
        ("HighBit", header.high_bit),
        ("PixelRepresentation", int(header.signed)),
    ):
        if number is not None and 0 <= number < 2**16:
            setattr(made, keyword, number)
    if header.frames != 1:
        made.NumberOfFrames = header.frames
    if header.photometric in _PHOTOMETRICS:
        made.PhotometricInterpretation = header.photometric.replace("COLOR", " COLOR")
    for keyword, kind in _SPACINGS.items():
        numbers = tags.numbers(keyword)
        if len(numbers) == 2:
            whole = kind == "IS"
            _set(made, keyword, [int(each) if whole else _decimal(each) for each in numbers])
    if header.padding is not None:
        for keyword, number in zip(
            ("PixelPaddingValue", "PixelPaddingRangeLimit"), header.padding, strict=True
        ):
            if -(2**15) <= number < 2**16:
                made.add_new(keyword, "SS" if number < 0 else "US", number)
    pixels = _pixels(header)
    if pixels:
        words = header.pixel_words and header.syntax in PLAIN
        made.add_new("PixelData", "OW" if words else "OB", pixels)
        made["PixelData"].is_undefined_length = header.syntax not in PLAIN


def _add_tones(made: Dataset, header: Header) -> None:
    if header.windows:
        made.WindowCenter = [_decimal(center) for center, _ in header.windows]
        made.WindowWidth = [_decimal(width) for _, width in header.windows]
    if header.function in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        made.VOILUTFunction = header.function
    if header.slope is not None:
        made.RescaleSlope = _decimal(header.slope)
    if header.intercept is not None:
        made.RescaleIntercept = _decimal(header.intercept)
    if header.lut_shape in ("IDENTITY", "INVERSE"):
        made.PresentationLUTShape = header.lut_shape
    modality = [header.modality_lut] if header.modality_lut is not None else []
    _set(made, "ModalityLUTSequence", [_lut(each) for each in modality])
    _set(made, "VOILUTSequence", [_lut(each) for each in header.voi_luts])


def _lut(lut: Lut) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [number % 2**16 for number in lut.descriptor])
    data = lut.data
    if not isinstance(data, bytes):
        data = struct.pack(f"<{len(data)}H", *(number % 2**16 for number in data))
    item.add_new("LUTData", "OW", data)
    return item


def _add_shutter(made: Dataset, header: Header) -> None:
    shutter, shapes = header.shutter, []
    if shutter.rectangle:
        shapes.append("RECTANGULAR")
        for keyword, edge in zip(_SHUTTER_EDGES, shutter.rectangle, strict=True):
            setattr(made, keyword, edge)
    if shutter.circle:
        shapes.append("CIRCULAR")
        *center, radius = shutter.circle
        made.CenterOfCircularShutter, made.RadiusOfCircularShutter = center, radius
    if shutter.polygon:
        shapes.append("POLYGONAL")
        made.VerticesOfThePolygonalShutter = [each for corner in shutter.polygon for each in corner]
    _set(made, "ShutterShape", shapes)


def _set(made: Dataset, keyword: str, value: Sequence[object]) -> None:
    if value:
        setattr(made, keyword, value)


def _decimal(number: float) -> str:
    """Return a number as DICOM writes it, in at most 16 characters."""
    text = str(int(number)) if number == int(number) else repr(number)
    return text if len(text) <= 16 else format_number_as_ds(number)


# --- the pixels ---


def _syntax_of(header: Header) -> UID:
    """Return the transfer syntax of the copy: the file's own, or one with the same pixels."""
    if header.syntax == ImplicitVRLittleEndian or not _is_known(header):
        return ExplicitVRLittleEndian
    return UID(header.syntax)


def _is_known(header: Header) -> bool:
    syntax = header.syntax
    return syntax in PLAIN or syntax in JPEGS or syntax in JPEG_2000S or syntax == RLELossless


def _pixels(header: Header) -> bytes:
    """Return the pixels of a film to be screened, without any other data among them."""
    try:
        check_suitable(header)
    except Refused:
        return b""
    if not _is_known(header):
        return b""
    if header.photometric not in ("MONOCHROME1", "MONOCHROME2"):
        # Rejected as well, for its colours and not for missing pixels.
        return _NO_PIXELS if header.syntax in PLAIN else encapsulate([_NO_PIXELS])
    if header.syntax in PLAIN:
        size = (header.rows or 0) * (header.columns or 0) * (header.allocated or 0) // 8
        pixels = header.pixels[: size * header.samples_per_pixel]
        return pixels + bytes(len(pixels) % 2)
    stream = fragments_of(header.pixels)
    if header.syntax == RLELossless:
        return encapsulate([stream])
    end = stream.rfind(_END)
    if end >= 0:
        stream = stream[: end + len(_END)]
    if header.syntax in JPEG_2000S:
        stream = b"".join(_main_header_without_comments(stream))
    else:
        stream = b"".join(_jpeg_without_texts(stream))
    return encapsulate([stream])


def _jpeg_without_texts(stream: bytes) -> Iterator[bytes]:
    """Yield the segments of a JPEG or JPEG-LS stream without comments and application segments."""
    yield stream[:2]
    place = 2
    while stream[place : place + 2] != _SCAN:
        if stream[place : place + 1] != b"\xff":
            raise ValueError("The stream is damaged.")
        if stream[place + 1] == 0xFF:  # fill
            place += 1
            continue
        (length,) = struct.unpack_from(">H", stream, place + 2)
        if not _TEXT_SEGMENT.match(stream, place):
            yield stream[place : place + 2 + length]
        place += 2 + length
    if _TEXT_SEGMENT.search(stream, place):
        raise ValueError("There are segments of text behind the first scan.")
    yield stream[place:]


def _main_header_without_comments(stream: bytes) -> Iterator[bytes]:
    """Yield the segments of a JPEG 2000 stream without the comments of its main header."""
    start = stream.find(b"\xff\x4f\xff\x51")
    if start < 0:
        raise ValueError("The stream is damaged.")
    yield stream[start : start + 2]
    place = start + 2
    while stream[place : place + 2] != _TILE:
        (length,) = struct.unpack_from(">H", stream, place + 2)
        if stream[place + 1] != _COMMENT_2000:
            yield stream[place : place + 2 + length]
        place += 2 + length
    yield stream[place:]


# --- files ---


def _identity(tags: Tags) -> bytes:
    """Return a file of the identifying tags with their original values."""
    apart = Dataset()
    for keyword in IDENTITY:
        if keyword in tags.dataset:
            tag = Tag(keyword)
            apart[tag] = tags.dataset.get_item(tag)
    syntax = UID(tags.syntax)
    implicit, big = syntax == ImplicitVRLittleEndian, syntax == ExplicitVRBigEndian
    if not (implicit or big):
        syntax = ExplicitVRLittleEndian
    apart.set_original_encoding(implicit, not big, apart._character_set)
    return _written(apart, FileMetaDataset(), syntax)


def _written(dataset: Dataset, meta: FileMetaDataset, syntax: UID) -> bytes:
    meta.FileMetaInformationVersion = b"\0\1"
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = UID(_IMPLEMENTATION)
    body = DicomBytesIO()
    body.is_implicit_VR = syntax == ImplicitVRLittleEndian
    body.is_little_endian = syntax != ExplicitVRBigEndian
    write_dataset(body, dataset)
    file = DicomBytesIO()
    file.write(bytes(128) + b"DICM")
    write_file_meta_info(file, meta, enforce_standard=False)
    data = body.getvalue()
    if syntax == DeflatedExplicitVRLittleEndian:
        deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        data = deflate.compress(data) + deflate.flush()
        data += bytes(len(data) % 2)
    return file.getvalue() + data
