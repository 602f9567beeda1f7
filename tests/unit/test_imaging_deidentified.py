"""The output of `receive --keep-identity`, element by element and byte by byte."""

import importlib.metadata
import io
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from imaging.dicom import read_film
from imaging.dicom.deidentified import IDENTITY, Deidentified, deidentify
from imaging.refusals import NotReadable
from results import header as results_header
from results.header import UnreadableHeader
from screening.refusals import Code
from testbed.dicom_films import ENCODERS, SECRETS, SYNTAXES, dicom, film

KEY = bytes(range(32))

# Every element that may leave, whatever the file is.
LEAVES = set(
    """
    PatientIdentityRemoved DeidentificationMethod SOPClassUID SOPInstanceUID StudyInstanceUID
    SeriesInstanceUID PatientAge PatientSex Modality PresentationIntentType ViewPosition
    BodyPartExamined SeriesDescription ProtocolName StudyDescription
    AcquisitionDeviceProcessingDescription PatientOrientation ViewCodeSequence
    AnatomicRegionSequence CodeValue CodeMeaning Manufacturer ManufacturerModelName
    BurnedInAnnotation SamplesPerPixel Rows Columns BitsAllocated BitsStored HighBit
    PixelRepresentation NumberOfFrames PhotometricInterpretation PixelSpacing ImagerPixelSpacing
    PixelAspectRatio PixelPaddingValue PixelPaddingRangeLimit WindowCenter WindowWidth
    VOILUTFunction RescaleSlope RescaleIntercept PresentationLUTShape ModalityLUTSequence
    VOILUTSequence LUTDescriptor LUTData ShutterShape ShutterLeftVerticalEdge
    ShutterRightVerticalEdge ShutterUpperHorizontalEdge ShutterLowerHorizontalEdge
    CenterOfCircularShutter RadiusOfCircularShutter VerticesOfThePolygonalShutter
    DirectoryRecordSequence PixelData
    """.split()  # noqa: SIM905
)
LEAVES_IN_META = {
    "FileMetaInformationGroupLength",
    "FileMetaInformationVersion",
    "MediaStorageSOPClassUID",
    "MediaStorageSOPInstanceUID",
    "TransferSyntaxUID",
    "ImplementationClassUID",
}
DECISIVE = {"CHEST", "EXTREMITY", "FRONTAL", "LATERAL"}
DESCRIPTIONS = {
    *("SeriesDescription", "ProtocolName", "StudyDescription", "BodyPartExamined", "CodeMeaning"),
    "AcquisitionDeviceProcessingDescription",
}
# Texts that leave as the file has them.
FREE = {"Manufacturer", "ManufacturerModelName"}


def corpus() -> list[Path]:
    """Return all files of pydicom's own tests and of pydicom-data."""
    own = Path(pydicom.__file__).parent / "data"
    more = importlib.metadata.files("pydicom-data") or []
    files = {*own.rglob("*"), *(Path(str(each.locate())) for each in more)}
    return sorted(each for each in files if each.is_file() and each.suffix not in (".py", ".pyc"))


def apart(data: bytes) -> Deidentified:
    return deidentify(data, KEY, "1.2.3")


@pytest.fixture(scope="module")
def apart_of_corpus() -> dict[Path, Deidentified | None]:
    """Return the two parts of each file of the corpus; None if it is refused."""
    parts: dict[Path, Deidentified | None] = {}
    for path in corpus():
        try:
            parts[path] = apart(path.read_bytes())
        except NotReadable:
            parts[path] = None
    return parts


def read(data: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(data), force=True)


def elements(dataset: Dataset) -> Iterator[Any]:
    for element in dataset:
        yield element
        if element.VR == "SQ":
            for item in element.value:
                yield from elements(item)


def outcome(data: bytes) -> tuple[object, ...]:
    """Return the application's rendition or refusal of a film."""
    try:
        seen = read_film(data)
    except NotReadable as refusal:
        return refusal.code, str(refusal)
    return seen.grey.tobytes(), seen.grey.shape, seen.facts.rendering, seen.facts.age


def test_every_element_of_a_copy_is_on_the_allow_list(
    apart_of_corpus: dict[Path, Deidentified | None],
) -> None:
    seen, taken = set(), 0
    for path, made in apart_of_corpus.items():
        if made is None:
            continue
        taken += 1
        data = path.read_bytes()
        copy = read(made.copy)
        assert copy.preamble == bytes(128)
        assert {element.keyword for element in copy.file_meta} <= LEAVES_IN_META, path.name
        for element in elements(copy):
            assert not element.tag.is_private, path.name
            assert element.VR not in ("PN", "LT", "ST", "UT", "DA", "DT", "TM", "UN"), path.name
            if element.keyword in DESCRIPTIONS:
                assert set(str(element.value).split()) <= DECISIVE | {""}, path.name
            if element.VR == "UI" and element.keyword != "SOPClassUID":
                assert str(element.value).startswith("2.25."), path.name
            seen.add(element.keyword)
        original = read(data)
        # No text of the original stands in the copy, but for those that leave as they are.
        free = {str(copy.get(keyword, "")) for keyword in FREE} | DECISIVE
        for element in elements(original):
            if element.VR in ("PN", "LO", "SH", "LT", "ST", "UT", "DA", "DT", "UI"):
                for text in map(str, element.value if element.VM > 1 else [element.value]):
                    standard = UID(text).name != text
                    if len(text) > 5 and not standard and not any(text in each for each in free):
                        assert text.encode() not in made.copy, (path.name, element.keyword)
    assert taken > 200
    assert seen <= LEAVES
    assert len(seen) > 35


def test_files_of_the_corpus_are_screened_alike_without_their_identity(
    apart_of_corpus: dict[Path, Deidentified | None],
) -> None:
    for path, made in apart_of_corpus.items():
        data = path.read_bytes()
        if made is None:
            with pytest.raises(NotReadable):
                read_film(data)
            continue
        assert outcome(made.copy) == outcome(data), path.name
        try:
            header = results_header.read_header(data)
        except UnreadableHeader:
            continue
        header.pop("DeidentificationMethod", None)
        assert str(results_header.read_header(made.identity)) == str(header), path.name


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
@pytest.mark.parametrize("monochrome1", [False, True])
def test_the_copy_has_the_same_pixels_and_tones_and_none_of_the_secrets(
    syntax: UID, monochrome1: bool
) -> None:
    data = dicom(film(90, 70), syntax, monochrome1=monochrome1)
    made = apart(data)
    assert outcome(made.copy) == outcome(data)
    assert not [secret for secret in SECRETS.values() if secret.encode() in made.copy]
    if syntax not in ENCODERS and syntax != ImplicitVRLittleEndian:
        assert read(made.copy).PixelData == read(data).PixelData
        assert read(made.copy).file_meta.TransferSyntaxUID == syntax
    assert made == apart(data)  # byte for byte


NAME = "Musterfrau"


def telling(dataset: Dataset) -> None:
    """Write the name to every element that can hold it."""
    for keyword in (
        *("InstitutionName", "InstitutionAddress", "StationName", "OperatorsName", "DeviceUID"),
        *("PatientComments", "ImageComments", "AdditionalPatientHistory", "OtherPatientIDs"),
        *("PatientAddress", "PatientMotherBirthName", "RequestedProcedureDescription"),
        *("DerivationDescription", "FrameOfReferenceUID", "DeviceSerialNumber", "StudyID"),
        *("SeriesDescription", "ProtocolName", "StudyDescription", "BodyPartExamined"),
        *("ViewPosition", "AcquisitionDeviceProcessingDescription", "RescaleType"),
        *("Manufacturer", "ManufacturerModelName", "LossyImageCompression", "VOILUTFunction"),
        *("PresentationLUTShape", "PatientSex", "PerformedProcedureStepDescription"),
    ):
        kind = dictionary_VR(keyword)
        text = f"1.2.{NAME}" if kind == "UI" else NAME if kind == "CS" else f"chest {NAME}"
        dataset.add_new(keyword, kind, text)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID"):
        dataset.add_new(keyword, "UI", f"1.2.{NAME}.3")
    private = dataset.private_block(0x0029, NAME, create=True)
    private.add_new(1, "LO", NAME)
    private.add_new(2, "SQ", [Dataset()])
    for keyword in (
        *("RequestAttributesSequence", "OtherPatientIDsSequence", "ReferencedStudySequence"),
        *("ViewCodeSequence", "AnatomicRegionSequence", "VOILUTSequence", "ModalityLUTSequence"),
    ):
        item = Dataset()
        item.PatientName, item.PatientComments = NAME, NAME
        item.CodeValue, item.CodeMeaning, item.LUTExplanation = NAME, f"chest {NAME}", NAME
        item.add_new("LUTDescriptor", "US", [4096, 0, 12])
        item.add_new("LUTData", "OW", np.arange(4096, dtype="<u2").tobytes())
        item.private_block(0x0029, NAME, create=True).add_new(1, "LO", NAME)
        dataset.add_new(keyword, "SQ", [item])
    overlay = {0x0010: 48, 0x0011: 64, 0x0100: 1, 0x0102: 0}
    for element, value in overlay.items():
        dataset.add_new((0x6000, element), "US", value)
    dataset.add_new((0x6000, 0x0022), "LO", NAME)
    dataset.add_new((0x6000, 0x3000), "OW", NAME.encode().ljust(384))
    dataset.add_new("DataSetTrailingPadding", "OB", NAME.encode())
    dataset.add_new("IconImageSequence", "SQ", [Dataset()])
    dataset.PixelData = dataset.PixelData + NAME.encode()  # behind the last pixel
    dataset["PixelData"].VR = "OW"
    dataset.PatientName = f"{NAME}^Xaveria"


def test_a_name_in_every_element_is_nowhere_in_the_copy() -> None:
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian):
        data = dicom(film(), syntax, change=telling)
        whole = read(data)
        whole.file_meta.SourceApplicationEntityTitle = NAME
        whole.file_meta.PrivateInformationCreatorUID = UID(f"1.2.{NAME}")
        whole.file_meta.PrivateInformation = NAME.encode()
        whole.preamble = NAME.encode().ljust(128)
        file = io.BytesIO()
        whole.save_as(file)
        assert file.getvalue().count(NAME.encode()) > 40
        made = apart(file.getvalue())
        assert NAME.encode() not in made.copy
        assert NAME.upper().encode() not in made.copy
        assert outcome(made.copy) == outcome(file.getvalue())


@pytest.mark.parametrize(
    ("syntax", "comment"),
    [
        (JPEGBaseline8Bit, b"\xff\xfe"),
        (JPEGLosslessSV1, b"\xff\xe5"),
        (JPEGLSLossless, b"\xff\xfe"),
        (JPEG2000Lossless, b"\xff\x64"),
    ],
)
def test_comments_in_compressed_pixels_are_cut_out(syntax: UID, comment: bytes) -> None:
    text = NAME.encode() + b"!!"
    segment = comment + (len(text) + 2).to_bytes(2) + text

    def say(dataset: Dataset) -> None:
        stream = next(iter(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1)))
        at = 2
        if syntax == JPEG2000Lossless:  # behind the size, which comes first
            at = 4 + int.from_bytes(stream[4:6])
        end = stream.rfind(b"\xff\xd9") + 2
        dataset.PixelData = encapsulate([stream[:at] + segment + stream[at:end] + NAME.encode()])
        dataset["PixelData"].is_undefined_length = True

    plain = dicom(film(90, 70), syntax)
    data = dicom(film(90, 70), syntax, change=say)
    assert NAME.encode() in data
    made = apart(data)
    assert NAME.encode() not in made.copy
    assert outcome(made.copy) == outcome(plain)


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"BurnedInAnnotation": "YES"}, "burned_in"),
        ({"BurnedInAnnotation": "yes "}, "burned_in"),
    ],
)
def test_a_film_that_may_have_text_in_its_pixels_is_refused(
    tags: dict[str, str], code: str
) -> None:
    with pytest.raises(NotReadable, match="may name the patient") as caught:
        apart(dicom(film(), tags=tags))
    assert caught.value.code == code


def test_an_overlay_among_the_pixels_is_refused() -> None:
    def overlay(dataset: Dataset) -> None:
        dataset.add_new((0x6002, 0x0102), "US", 12)

    with pytest.raises(NotReadable, match="overlay") as caught:
        apart(dicom(film(), change=overlay))
    assert caught.value.code == "overlay"


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"SeriesDescription": f"Thorax lateral {NAME}"}, Code.LATERAL),
        ({"StudyDescription": f"Knie rechts {NAME}", "BodyPartExamined": ""}, Code.BODY_PART),
        ({"BodyPartExamined": NAME.upper(), "ProtocolName": "HAND"}, Code.BODY_PART),
        ({"PresentationIntentType": "FOR PROCESSING"}, Code.PROCESSING),
        ({"Modality": "MG"}, Code.MODALITY),
        ({"NumberOfFrames": "2"}, Code.FRAMES),
        ({"PhotometricInterpretation": "RGB"}, Code.KIND),
    ],
)
def test_the_copy_of_a_refused_film_has_no_pixels_and_is_refused_for_the_same_reason(
    tags: dict[str, str], code: str
) -> None:
    data = dicom(film(), tags=tags)
    made = apart(data)
    assert outcome(made.copy) == outcome(data)
    assert outcome(data)[0] == code
    assert len(read(made.copy).get("PixelData", b"")) <= 2


@pytest.mark.parametrize(
    ("tags", "age"),
    [
        ({"PatientAge": None, "PatientBirthDate": "20211003"}, "004Y"),
        ({"PatientAge": "093Y"}, "090Y"),
        ({"PatientAge": None, "PatientBirthDate": ""}, ""),
    ],
)
def test_the_copy_has_the_age_but_no_date(tags: dict[str, Any], age: str) -> None:
    copy = read(apart(dicom(film(), tags=tags)).copy)
    assert str(copy.get("PatientAge", "")) == age
    assert not [element for element in elements(copy) if element.VR == "DA"]


def test_a_patients_name_in_maker_or_model_is_not_copied() -> None:
    tags = {"Manufacturer": "Xaveria Imaging", "ManufacturerModelName": "DRX 1"}
    copy = read(apart(dicom(film(), tags=tags)).copy)
    assert "Manufacturer" not in copy
    assert copy.ManufacturerModelName == "DRX 1"


def test_uids_follow_from_the_film_and_the_key_and_from_nothing_else() -> None:
    data = dicom(film())
    first, again = read(apart(data).copy), read(apart(dicom(film(90, 70))).copy)
    other = read(deidentify(data, bytes(32), "1.2.3").copy)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        assert first[keyword].value == again[keyword].value != other[keyword].value
        assert len(first[keyword].value) <= 64
    assert first.StudyInstanceUID == apart(data).study_uid
    assert first.file_meta.MediaStorageSOPInstanceUID == first.SOPInstanceUID


def test_a_film_without_a_uid_gets_that_of_its_message() -> None:
    dataset = read(dicom(film()))
    dataset.SOPInstanceUID = ""
    file = io.BytesIO()
    pydicom.dcmwrite(file, dataset)
    data = file.getvalue()
    copies = [read(deidentify(data, KEY, uid).copy) for uid in ("1.2.3", "1.2.4")]
    assert copies[0].SOPInstanceUID != copies[1].SOPInstanceUID


def test_all_that_results_need_is_kept() -> None:
    needed = {pydicom.datadict.keyword_for_tag(tag) for tag in results_header._TAGS}
    assert needed - set(IDENTITY) == {"DeidentificationMethod"}


def test_run_lengths_are_kept_as_they_are() -> None:
    data = dicom(film(90, 70), RLELossless)
    frames = [
        next(iter(pydicom.encaps.generate_frames(read(each).PixelData, number_of_frames=1)))
        for each in (data, apart(data).copy)
    ]
    assert frames[0] == frames[1]


def test_copies_of_damaged_files_reveal_nothing_either() -> None:
    chance = random.Random(1)  # noqa: S311 - the same files each time
    whole = [dicom(film(), syntax) for syntax in SYNTAXES]
    copies = 0
    for _ in range(1000):
        data = bytearray(chance.choice(whole))
        for _ in range(chance.choice((1, 2, 5))):
            at = chance.randrange(128, 900)
            data[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
        try:
            made = apart(bytes(data))
        except NotReadable:
            continue
        copies += 1
        assert not [secret for secret in SECRETS.values() if secret.encode() in made.copy]
    assert copies > 300
