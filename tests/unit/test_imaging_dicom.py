"""DICOM files as the network sees them: made of the samples, and real ones."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.data import get_charset_files, get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    MediaStorageDirectoryStorage,
    SecondaryCaptureImageStorage,
)

from imaging.dicom import Refused, read_film
from imaging.dicom.header import read_header
from imaging.dicom.refused import SENTENCES
from imaging.dicom.samples import decode, read_layout
from imaging.grey import Grey
from imaging.network_input import network_input
from imaging.readers import read_grey
from imaging.refusals import NotReadable, TooLarge
from screening.facts import Facts, facts_from, plain
from screening.formats import Format, format_of
from screening.refusals import Code
from serving.network import Network
from testbed.dicom_films import ENCODERS, LOSSY, PLAIN, SECRETS, SYNTAXES, dicom, film

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "samples").glob("*/*.jpeg"))
EXACT, NEAR = 0.02, 0.05  # how far a probability may be from that of the film's JPEG

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


def real(name: str) -> bytes:
    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"{name} is in the package pydicom-data, which is not installed.")
    return Path(str(path)).read_bytes()


def tags_at(data: bytes) -> int:
    """Return the end of the first group of a made file."""
    return 144 + int.from_bytes(data[140:144], "little")


def refused(data: bytes) -> Code:
    with pytest.raises(Refused) as caught:
        read_film(data)
    assert str(caught.value).startswith(SENTENCES[Code(caught.value.code)])
    return Code(caught.value.code)


@pytest.fixture(scope="module")
def shipped() -> Network:
    return Network(ROOT / "model" / "cxr-resnet18.onnx", threads=1)


@dataclass(frozen=True)
class Sample:
    grey: Grey
    expected: NDArray[np.float32]


@pytest.fixture(scope="module")
def samples(shipped: Network) -> list[Sample]:
    """Films no larger than the network needs: at full size, each syntax would take minutes."""
    assert len(SAMPLES) == 24
    greys = [network_input(read_grey(path.read_bytes()), 448) for path in SAMPLES]
    return [
        Sample(grey, shipped.probabilities(network_input(grey, shipped.size))) for grey in greys
    ]


@pytest.mark.thorough
@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
def test_every_sample_has_the_probability_of_its_jpeg(
    shipped: Network, samples: list[Sample], syntax: UID
) -> None:
    tolerance = NEAR if syntax in LOSSY else EXACT
    for number, sample in enumerate(samples):
        # Every second is MONOCHROME1; every third says nothing of how it is to be shown.
        inverted, window = number % 2 == 1, number % 3 != 0
        data = dicom(sample.grey, syntax, monochrome1=inverted, window=window)
        found = shipped.probabilities(network_input(read_grey(data), shipped.size))
        assert found == pytest.approx(sample.expected, abs=tolerance), SAMPLES[number].name


@pytest.mark.parametrize("syntax", [s for s in SYNTAXES if s not in LOSSY], ids=lambda u: u.name)
@pytest.mark.parametrize("monochrome1", [False, True])
def test_a_lossless_syntax_gives_back_the_film(syntax: UID, monochrome1: bool) -> None:
    data = dicom(film(), syntax, monochrome1=monochrome1)
    np.testing.assert_array_equal(read_film(data).grey, film())


def test_the_facts_are_those_of_the_file() -> None:
    assert read_film(dicom(film(), monochrome1=True)).facts == Facts(
        modality="DX",
        rendering="window, inverted",
        study_uid=SECRETS["StudyInstanceUID"],
        series_uid=SECRETS["SeriesInstanceUID"],
        instance_uid=SECRETS["SOPInstanceUID"],
        accession_number=SECRETS["AccessionNumber"],
        view="AP",
        body_part="CHEST",
        age="004Y",
    )


def test_facts_of_any_length_come_back_from_the_sandbox() -> None:
    """All steps at once, and terms with many values."""
    grey = np.pad(film(), ((0, 0), (20, 20)), constant_values=255)
    tags = {
        "BodyPartExamined": ["CHEST"] * 20,
        "ViewPosition": ["AP"] * 40,
        "BitsStored": 11,
        "HighBit": 10,
        "RescaleSlope": 2,
        "WindowCenter": 2048,
        "WindowWidth": 4096,
        "PixelSpacing": [0.3, 0.15],
        "ShutterShape": "RECTANGULAR",
        "ShutterLeftVerticalEdge": 3,
        "ShutterRightVerticalEdge": 100,
        "ShutterUpperHorizontalEdge": 1,
        "ShutterLowerHorizontalEdge": 48,
    }
    facts = read_film(dicom(grey, monochrome1=True, tags=tags)).facts
    assert len(facts.rendering) > 64
    assert facts_from(plain(facts)) == facts


@pytest.mark.parametrize(
    ("born", "taken", "age"),
    [("20220801", "20260801", "004Y"), ("20250902", "20260801", "010M"), ("", "20260801", None)],
)
def test_a_missing_age_is_computed_from_the_dates(born: str, taken: str, age: str | None) -> None:
    tags = {"PatientAge": "", "PatientBirthDate": born, "StudyDate": taken}
    assert read_film(dicom(film(), tags=tags)).facts.age == age


@pytest.mark.parametrize(
    ("age", "adult", "noted"),
    [
        ("018Y", True, False),
        ("216M", True, False),
        ("017Y", False, True),
        ("006Y", False, True),
        ("071M", False, False),
        ("005Y", False, False),
        ("010D", False, False),
        ("old", False, False),
    ],
)
def test_an_age_is_read_in_every_form(age: str, adult: bool, noted: bool) -> None:
    facts = Facts(modality="DX", rendering="window", age=age)
    assert (facts.adult, facts.note is not None) == (adult, noted)


# --- how it is shown ---


def shown(tags: dict[str, Any], grey: Any = None, **how: Any) -> tuple[Any, str]:
    found = read_film(dicom(film() if grey is None else grey, tags=tags, **how))
    return found.grey, found.facts.rendering


def test_rescale_comes_before_the_window() -> None:
    tags = {"RescaleSlope": 2, "RescaleIntercept": -1000}
    tags |= {"WindowCenter": 2 * 2048 - 1000, "WindowWidth": 2 * 4096}
    grey, _ = shown(tags)
    np.testing.assert_allclose(grey.astype(int), film(), atol=1)


@pytest.mark.parametrize("window", [("", ""), (2048, 0), (2048, -5), (1e7, 100)])
def test_a_window_that_shows_nothing_is_left_out(window: tuple[Any, Any]) -> None:
    grey, rendering = shown({"WindowCenter": window[0], "WindowWidth": window[1]})
    assert rendering == "percentiles"
    assert (grey.min(), grey.max()) == (0, 255)


def lut(entries: list[int], start: int, bits: int, length: int | None = None) -> Sequence:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries) if length is None else length, start, bits])
    item.add_new("LUTData", "US", entries)
    return Sequence([item])


def test_a_voi_lut_takes_precedence_over_a_window() -> None:
    table = [255 - value // 16 for value in range(4096)]
    grey, rendering = shown({"VOILUTSequence": lut(table, 0, 8)})
    assert rendering == "VOI LUT"
    np.testing.assert_allclose(grey.astype(int), 255 - film().astype(int), atol=1)


@pytest.mark.parametrize(
    "broken", [lut([1, 2, 3], 0, 12, length=4096), lut([70] * 4096, 0, 16), lut([4095] * 64, 0, 8)]
)
def test_a_voi_lut_that_contradicts_itself_is_left_out(broken: Sequence) -> None:
    assert shown({"VOILUTSequence": broken})[1] == "window"


def test_padding_is_cut_off_and_not_counted() -> None:
    grey = film()
    grey[:8] = 255
    tags = {"PixelPaddingValue": 4095}
    found, rendering = shown(tags, grey, window=False)
    assert rendering == "percentiles, padding cut off"
    np.testing.assert_array_equal(found, shown({}, grey[8:], window=False)[0])


def test_inverse_beside_monochrome1_is_one_inversion() -> None:
    grey, _ = shown({"PresentationLUTShape": "INVERSE"}, monochrome1=True)
    np.testing.assert_array_equal(grey, film())


@pytest.mark.parametrize("tag", ["PixelAspectRatio", "PixelSpacing"])
def test_pixels_are_made_square(tag: str) -> None:
    tags = {"PixelSpacing": None} if tag != "PixelSpacing" else {}
    values = [2, 1] if tag == "PixelAspectRatio" else [0.3, 0.15]
    grey, rendering = shown(tags | {tag: values}, film(64, 48))
    assert grey.shape == (96, 64)
    assert rendering.endswith("resampled")


@pytest.mark.parametrize("said", [0, 1])
@pytest.mark.parametrize("extended", [False, True])
def test_the_signedness_is_that_of_the_samples(said: int, extended: bool) -> None:
    values = np.rint(film().astype(float) * (4095 / 255)).astype(np.int64) - 2048
    stored = (values & (0xFFFF if extended else 0xFFF)).astype("<u2").tobytes()
    tags = {"PixelRepresentation": said, "WindowCenter": 0.5, "WindowWidth": 4096}
    grey, rendering = shown(tags | {"PixelData": stored})
    assert np.abs(grey.astype(int) - film()).max() <= 2
    assert ("bits by the samples" in rendering) == (said == 0)


@pytest.mark.parametrize("said", [0, 1])
def test_an_unsigned_film_stays_unsigned(said: int) -> None:
    grey, _ = shown({"PixelRepresentation": said})
    assert np.abs(grey.astype(int) - film()).max() <= 1


# --- what is refused ---


@pytest.mark.parametrize(
    ("code", "tags"),
    [
        ("modality", {"Modality": "CT"}),
        ("modality", {"Modality": None, "SOPClassUID": SecondaryCaptureImageStorage}),
        ("modality", {"SOPClassUID": CTImageStorage}),
        ("directory", {"SOPClassUID": MediaStorageDirectoryStorage}),
        ("flat", {"PixelData": b"\x00\x08" * 64 * 48}),
        ("report", {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.11", "Modality": "SR"}),
        ("report", {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.11.1", "Modality": "PR"}),
        ("pdf", {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1", "Modality": "DOC"}),
        ("processing", {"PresentationIntentType": "FOR PROCESSING"}),
        ("processing", {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.1.1"}),
        ("lateral", {"ViewPosition": "LL"}),
        ("body_part", {"BodyPartExamined": "KNEE"}),
        ("no_pixels", {"PixelData": None}),
        ("frames", {"NumberOfFrames": 2}),
        ("frames", {"NumberOfFrames": 100_000}),
        ("kind", {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}),
        ("kind", {"BitsAllocated": 32}),
        ("broken", {"Rows": 0}),
        ("broken", {"Rows": 49}),
    ],
)
def test_a_film_that_is_no_chest_film_is_refused(code: str, tags: dict[str, Any]) -> None:
    assert refused(dicom(film(), tags=tags)) == code


@pytest.mark.parametrize("part", ["", "CHEST", "Chest PA", "TORAX", "Brustkorb", "WHOLE BODY"])
def test_an_unknown_body_part_is_accepted(part: str) -> None:
    read_film(dicom(film(), tags={"BodyPartExamined": part}))


def test_sizes_that_no_film_has_are_refused() -> None:
    with pytest.raises(TooLarge):
        read_film(dicom(film(), tags={"Rows": 60_000, "Columns": 60_000}))
    with pytest.raises(NotReadable):
        read_film(dicom(film(64, 8)))


@pytest.mark.parametrize("syntax", ENCODERS, ids=lambda uid: uid.name)
def test_a_truncated_stream_is_refused(syntax: UID) -> None:
    data = dicom(film(), syntax)
    assert refused(data[: len(data) - 200]) == "broken"


@pytest.mark.parametrize(
    "syntax", [JPEGExtended12Bit, JPEGLosslessSV1, JPEGLSLossless], ids=lambda uid: uid.name
)
def test_a_stream_of_another_size_than_the_header_says_is_refused(syntax: UID) -> None:
    assert refused(dicom(film(), syntax, tags={"Rows": 60_00, "Columns": 60_00})) == "broken"


def test_a_deflated_bomb_is_refused() -> None:
    data = dicom(film(), DeflatedExplicitVRLittleEndian)
    bomb = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = bomb.compress(bytes(300 * 1024 * 1024)) + bomb.flush()
    assert refused(data[: tags_at(data)] + body) == "too_large"


def test_sequences_nested_beyond_reason_are_refused_or_passed_over() -> None:
    deep = b"".join(
        b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
        for _ in range(5000)
    )
    data = dicom(film())
    assert refused(data[: tags_at(data)] + deep) == "broken"


@pytest.fixture
def every_cut() -> Iterator[bytes]:
    data = dicom(film(), JPEGLosslessSV1)
    return (data[:length] for length in range(0, len(data), 37))


def test_a_truncated_file_is_refused_in_a_sentence(every_cut: Iterator[bytes]) -> None:
    for data in every_cut:
        with pytest.raises(NotReadable):
            read_film(data)


# --- which files are DICOM ---


def test_dicom_is_known_by_its_first_bytes() -> None:
    data = dicom(film())
    assert format_of(data) is Format.DICOM
    # Without the preamble, and without the first group too.
    assert format_of(data[132:]) is Format.DICOM
    assert format_of(data[tags_at(data) :]) is Format.DICOM
    assert format_of(b"\x08\x00") is None
    assert format_of(bytes(500)) is None


def test_files_without_a_preamble_are_read() -> None:
    data = dicom(film())
    for start in (132, tags_at(data)):
        np.testing.assert_array_equal(read_film(data[start:]).grey, film())


@pytest.mark.parametrize("syntax", PLAIN[:2], ids=lambda uid: uid.name)
def test_files_without_file_meta_information_are_read_in_both_uncompressed_syntaxes(
    syntax: UID,
) -> None:
    data = dicom(film(), syntax)
    bare = data[tags_at(data) :]
    np.testing.assert_array_equal(read_film(bare).grey, film())


# --- real files ---


@pytest.mark.parametrize("name", ["RG1_UNCR", "RG1_UNCI", "RG1_J2KR", "RG1_J2KI"])
def test_a_real_chest_film_is_rendered(name: str) -> None:
    found = read_film(real(f"{name}.dcm"))
    assert found.grey.shape == (1955, 1841)
    assert found.facts.rendering == "window, inverted"
    # The spine is bright and the lungs are dark, as in the films that the network learned from.
    assert found.grey[900:1100, 850:990].mean() > found.grey[900:1100, 400:600].mean() + 30


def test_real_files_of_other_kinds_are_refused() -> None:
    assert refused(real("RG3_UNCR.dcm")) == "body_part"
    assert refused(real("CT_small.dcm")) == "modality"
    (header_only,) = get_charset_files("chrJapMulti.dcm")
    assert refused(Path(header_only).read_bytes()) == "no_pixels"
    assert refused(real("SC_rgb_rle_2frame.dcm")) == "modality"
    assert refused(real("reportsi.dcm")) == "report"


@pytest.mark.parametrize(
    "name",
    [
        "693_J2KI.dcm",
        "J2K_pixelrep_mismatch.dcm",
        "MR2_J2KR.dcm",
        "MR_small_RLE.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_implicit.dcm",
        "RG3_J2KI.dcm",
        "image_dfl.dcm",
        "mlut_18.dcm",
    ],
)
def test_the_samples_of_real_files_are_those_that_pydicom_decodes(name: str) -> None:
    data = real(name)
    header = read_header(data)
    layout = read_layout(header)
    mask = 2**layout.stored - 1
    expected = pydicom.dcmread(str(get_testdata_file(name, download=False))).pixel_array
    found = decode(header, layout)
    np.testing.assert_array_equal(found.astype(int) & mask, expected.astype(int) & mask)
