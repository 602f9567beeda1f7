"""View, body part, modality and age in headers, in the words that machines use."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import CTImageStorage, JPEGLSLossless, SecondaryCaptureImageStorage

from imaging.dicom import Refused, read_film
from imaging.dicom.ages import age_of
from imaging.dicom.vocabulary import names_chest, names_frontal, names_other_part, names_side
from testbed.dicom_films import ENCODERS, dicom, film

SIDE = ["LL", "L LAT", "RLAT", "LATERAL", "XTABLE LATERAL", "X-TABLE", "LAO", "Seitlich", "profil"]
FRONTAL = ["AP", "PA", "A.P.", "AP SUPINE", "POSTERO-ANTERIOR", "Frontal", "p.a. erect"]
OTHER = ["KNEE", "L KNEE", "KNEE R", "L-SPINE", "T SPINE", "THORACIC SPINE", "ABDOMENPELVIS"]
OTHER += ["HAND LEFT", "HÜFTE", "SCHÄDEL", "TIB/FIB", "KUB", "UP EXM", "ABD 1 VIEW", "PHANTOM"]
CHEST = ["CHEST", "Chest PA", "THORAX", "TORAX AP", "LUNGS", "PORT CHEST", "RX-Thorax"]
NEITHER = ["", "WHOLE BODY", "Brustkorb", "C-ARM", "HEAD UP 30", "BILATERAL", "LATENCY", "ALARM"]
DESCRIBED = ["SeriesDescription", "ProtocolName", "AcquisitionDeviceProcessingDescription"]

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


def code_of(tags: dict[str, Any]) -> str | None:
    """Return the code of the refusal, None if accepted. `tags` replace a film's usual ones."""
    silent = {"ViewPosition": "", "BodyPartExamined": ""}
    try:
        read_film(dicom(film(), tags=silent | tags))
    except Refused as refused:
        named = str(refused).partition("The tag ")[2].partition(" ")[0]
        assert not named or named in tags
        return str(refused.code)
    return None


def coded(value: str, meaning: str) -> Sequence:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SRT", meaning
    return Sequence([item])


@pytest.mark.parametrize("word", SIDE)
@pytest.mark.parametrize("tag", ["ViewPosition", *DESCRIBED, "StudyDescription"])
def test_a_view_from_the_side_is_refused_by_any_tag(tag: str, word: str) -> None:
    assert code_of({tag: word}) == "lateral"


@pytest.mark.parametrize("word", [*FRONTAL, *CHEST, *NEITHER, "CHEST PA AND LAT", "LLD"])
@pytest.mark.parametrize("tag", ["ViewPosition", "SeriesDescription", "StudyDescription"])
def test_a_frontal_view_or_a_missing_one_is_accepted(tag: str, word: str) -> None:
    assert code_of({tag: word}) is None


@pytest.mark.parametrize("word", OTHER)
@pytest.mark.parametrize("tag", ["BodyPartExamined", *DESCRIBED, "StudyDescription"])
def test_another_part_is_refused_by_any_tag(tag: str, word: str) -> None:
    assert code_of({tag: word}) == "body_part"


@pytest.mark.parametrize("word", [*CHEST, *NEITHER, "CHEST AP, KUB", "CHESTABDOMEN"])
@pytest.mark.parametrize("tag", ["BodyPartExamined", "SeriesDescription", "StudyDescription"])
def test_the_chest_or_an_unknown_body_part_is_accepted(tag: str, word: str) -> None:
    assert code_of({tag: word}) is None


def test_tags_of_the_study_count_only_if_the_film_has_none() -> None:
    study = {"StudyDescription": "ABDOMEN, KNEE LAT"}
    assert code_of(study | {"BodyPartExamined": "CHEST", "ViewPosition": "AP"}) is None
    assert code_of(study) == "lateral"


@pytest.mark.parametrize(
    ("value", "meaning", "code"),
    [
        ("R-10236", "left lateral", "lateral"),
        ("399067008", "", "lateral"),
        ("local-7", "Lateral", "lateral"),
        ("R-10214", "postero-anterior", None),
        ("399348003", "", None),
        ("local-8", "something", None),
    ],
)
def test_a_coded_view_is_read(value: str, meaning: str, code: str | None) -> None:
    assert code_of({"ViewCodeSequence": coded(value, meaning)}) == code


@pytest.mark.parametrize(
    ("value", "meaning", "code"),
    [
        ("T-D9700", "Foot", "body_part"),
        ("72696002", "", "body_part"),
        ("local-7", "Left knee", "body_part"),
        ("T-D3000", "Chest", None),
        ("816094009", "", None),
        ("416550000", "Chest and Abdomen", None),
    ],
)
def test_a_coded_region_is_read(value: str, meaning: str, code: str | None) -> None:
    assert code_of({"AnatomicRegionSequence": coded(value, meaning)}) == code


@pytest.mark.parametrize(
    ("rows", "columns", "code"),
    [
        ("A", "F", "lateral"),
        ("P", "FA", "lateral"),
        ("AL", "F", "lateral"),
        ("F", "P", "lateral"),
        ("L", "F", None),
        ("R", "F", None),
        ("LA", "F", None),
    ],
)
def test_an_orientation_is_read(rows: str, columns: str, code: str | None) -> None:
    assert code_of({"PatientOrientation": [rows, columns]}) == code


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"Modality": "DR"}, None),
        ({"Modality": "dx", "PhotometricInterpretation": "monochrome2 "}, None),
        ({"Modality": ""}, None),
        ({"Modality": "RG", "SOPClassUID": SecondaryCaptureImageStorage}, None),
        ({"Modality": "OT", "SOPClassUID": SecondaryCaptureImageStorage}, "modality"),
        ({"Modality": "DX", "SOPClassUID": CTImageStorage}, "modality"),
        ({"Modality": "MG"}, "modality"),
    ],
)
def test_the_sop_class_is_checked_before_the_modality(
    tags: dict[str, Any], code: str | None
) -> None:
    assert code_of(tags) == code


_SIGNS = st.sampled_from([" ", "_", "-", ",", " / ", "  "])


@settings(max_examples=300)
@given(
    chest=st.sampled_from(["CHEST", "THORAX", "CXR"]),
    other=st.sampled_from(["KNEE", "SPINE", "ABDOMEN", "HAND", "SKULL"]),
    side=st.sampled_from(["", "L", "R", "LEFT", "RT"]),
    sign=_SIGNS,
    small=st.booleans(),
    noise=st.sampled_from(["", "PORTABLE", "W033", "2 VIEWS", "ERECT", "(Peds)"]),
)
def test_parts_are_known_in_any_spelling(
    chest: str, other: str, side: str, sign: str, small: bool, noise: str
) -> None:
    def said(*words: str) -> str:
        text = sign.join(word for word in words if word)
        return text.lower().upper() if small else text

    for text in (said(side, other, noise), said(noise, other, side), side + other):
        assert names_other_part(text.upper()), text
        assert not names_chest(text.upper())
    assert names_chest(said(noise, chest, other).upper())


@settings(max_examples=300)
@given(
    side=st.sampled_from(["LAT", "LATERAL", "L LAT", "LLAT", "XTABLE LAT"]),
    front=st.sampled_from(["AP", "PA", "A.P."]),
    sign=_SIGNS,
    noise=st.sampled_from(["CHEST", "ERECT", "W/O GRID", "3 YRS", "INSPIRATION"]),
)
def test_views_are_known_in_any_spelling(side: str, front: str, sign: str, noise: str) -> None:
    for text in (f"{noise}{sign}{side}", f"{side}{sign}{noise}", side):
        assert names_side(text)
        assert not names_frontal(text)
    assert names_frontal(f"{noise}{sign}{front}")
    assert not names_side(f"{noise}{sign}{front}")


# --- ages ---

_YEARS = ["{}Y", "{:03d}Y", "{}", "{:03d}", "{} Y", "{:03d} y", "{}YR", "{} years", "{}yrs old"]
_YEARS += ["P{}Y", "{} Jahre", "{} ans", "Y{}", "{}-Y", "{}Y6M", "age {}", "{}.5 Y", "{} y/o"]


@settings(max_examples=300)
@given(years=st.integers(0, 120), style=st.sampled_from(_YEARS))
def test_years_are_read_in_any_style(years: int, style: str) -> None:
    assert age_of(style.format(years), "", []) == f"{years:03d}Y"


@settings(max_examples=200)
@given(
    number=st.integers(1, 400),
    unit=st.sampled_from([("D", "days"), ("W", "wk"), ("M", "months"), ("M", "mo")]),
)
def test_days_weeks_and_months_are_not_read_as_years(number: int, unit: tuple[str, str]) -> None:
    letter, word = unit
    assert age_of(f"{number} {word}", "", []) == f"{number:03d}{letter}"


@settings(max_examples=200)
@given(
    told=st.sampled_from(["", "004", "004Y", "XX", "4 Y", "999Y", "??"]),
    born=st.dates(date(1930, 1, 1), date(2006, 12, 31)),
    style=st.sampled_from(["%Y%m%d", "%Y-%m-%d", "%Y.%m.%d", "%d.%m.%Y", "%Y"]),
)
def test_a_birth_date_that_makes_an_adult_outranks_the_age(
    told: str, born: Any, style: str
) -> None:
    found = age_of(told, born.strftime(style), ["20260801"])
    assert found is not None
    assert int(found[:3]) >= 18
    assert found.endswith("Y")


def test_impossible_dates_are_ignored() -> None:
    assert age_of("004Y", "20300101", ["20260801"]) == "004Y"
    assert age_of("", "20300101", ["20260801"]) is None
    assert age_of("", "19810304", ["", "unknown"]) is None
    assert age_of("", "20220501", ["nonsense", "20260801"]) == "004Y"


# --- tags that can't be read ---

_OPTIONAL = [
    ((0x0018, 0x1164), "DS"),
    ((0x0028, 0x0030), "DS"),
    ((0x0028, 0x0034), "IS"),
    ((0x0028, 0x0008), "IS"),
    ((0x0028, 0x0002), "US"),
    ((0x0028, 0x0101), "US"),
    ((0x0028, 0x0102), "US"),
    ((0x0028, 0x0103), "US"),
    ((0x0028, 0x0120), "US"),
    ((0x0028, 0x1050), "DS"),
    ((0x0028, 0x1052), "DS"),
    ((0x0028, 0x1053), "DS"),
    ((0x0018, 0x1602), "IS"),
    ((0x0010, 0x1010), "AS"),
    ((0x0010, 0x0030), "DA"),
]
_VALUES = [
    b"0,143\\0,143",
    b"unknown ",
    b"",
    b"NaN ",
    b"1e30 ",
    b"\xff\xfe\x00\x01",
    b"12mm",
    b"\\",
]


@pytest.mark.parametrize("value", _VALUES)
@pytest.mark.parametrize(("tag", "kind"), _OPTIONAL)
@pytest.mark.parametrize("other", [False, True])
def test_an_optional_tag_that_cannot_be_read_counts_as_absent(
    tag: tuple[int, int], kind: str, value: bytes, other: bool
) -> None:
    def odd(dataset: Dataset) -> None:
        padded = value + b" " * (len(value) % 2)
        vr = "UT" if other else kind
        raw = RawDataElement(Tag(tag), vr, len(padded), padded, 0, False, True, True)
        dataset._dict[Tag(tag)] = raw

    assert read_film(dicom(film(), change=odd)).grey.size


@pytest.mark.parametrize(
    "table", [b"", b"\xd2\x04\0\0", b"\x08\0\0\0", b"\0\0\0\0\x90\x13\0\0", b"\0\0", b"\xff" * 64]
)
@pytest.mark.parametrize("fragments", [1, 2, 5])
def test_an_offset_table_is_not_needed(table: bytes, fragments: int) -> None:
    plain = read_film(dicom(film(), JPEGLSLossless)).grey
    whole = ENCODERS[JPEGLSLossless]((film().astype(float) * (4095 / 255)).round().astype("u2"))
    whole = bytes(whole) + b"\0" * (len(whole) % 2)
    size = -(-len(whole) // fragments)
    size += size % 2
    parts = [whole[start : start + size] for start in range(0, len(whole), size)]
    items = b"".join(_item(each) for each in (table, *parts))
    end = b"\xfe\xff\xdd\xe0\0\0\0\0"
    for pixels in (items + end, b"".join(map(_item, parts)) + end, encapsulate([whole])):
        found = read_film(dicom(film(), JPEGLSLossless, tags={"PixelData": pixels})).grey
        assert (found == plain).all()


def _item(value: bytes) -> bytes:
    return b"\xfe\xff\x00\xe0" + len(value).to_bytes(4, "little") + value
