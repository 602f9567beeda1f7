"""Files with harmless, random violations of the standard: each is still a film."""

import struct
from itertools import pairwise
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless

from imaging.dicom import Refused, read_film
from imaging.refusals import NotReadable
from screening.refusals import Code
from testbed.dicom_films import dicom, film

WIDE = film(96, 80)
STREAM = bytes(imagecodecs.jpegls_encode(np.rint(WIDE * (4095 / 255)).astype(np.uint16)))

OPTIONAL = [
    *("PatientAge", "PatientBirthDate", "StudyDate", "PixelSpacing", "ImagerPixelSpacing"),
    *("PixelAspectRatio", "WindowCenter", "WindowWidth", "RescaleIntercept", "VOILUTFunction"),
    *("PixelPaddingValue", "PixelPaddingRangeLimit", "PatientOrientation", "ViewPosition"),
    *("BodyPartExamined", "SeriesDescription", "ShutterShape", "ShutterLeftVerticalEdge"),
    *("CenterOfCircularShutter", "VOILUTSequence", "ModalityLUTSequence", "ViewCodeSequence"),
    *("AnatomicRegionSequence", "PresentationLUTShape"),
]
# Of these, in films that tests make.
PRESENT = {
    *("PatientAge", "PatientBirthDate", "StudyDate", "PixelSpacing", "WindowCenter"),
    *("WindowWidth", "ViewPosition", "BodyPartExamined"),
}


# What pydicom warns of are these very files; outside of tests, header.py keeps it quiet.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


def item(value: bytes) -> bytes:
    value += b"\0" * (len(value) % 2)
    return b"\xfe\xff\x00\xe0" + struct.pack("<I", len(value)) + value


def with_element(keyword: str, vr: str, value: bytes) -> bytes:
    """Return a film with an element in exactly these bytes."""
    data = dicom(WIDE, tags={keyword: None} if keyword in PRESENT else {})
    start = 144 + int.from_bytes(data[140:144], "little")
    value += b" " * (len(value) % 2)
    tag = Tag(keyword)
    head = struct.pack("<HH", tag.group, tag.element) + vr.encode()
    long = vr in ("OB", "OW", "UT", "UN", "SQ")
    length = struct.pack("<2xI" if long else "<H", len(value))
    # The order of elements is one more rule that the reader does not need.
    return data[:start] + head + length + value + data[start:]


@settings(deadline=None)
@given(table=st.binary(max_size=64), cuts=st.lists(st.integers(0, len(STREAM)), max_size=5))
def test_a_frame_is_read_by_its_fragments(table: bytes, cuts: list[int]) -> None:
    # The first offset is 0, so no table begins as a stream of JPEG, JPEG 2000 or its files does.
    assume(not table.startswith((b"\xff\xd8", b"\xff\x4f", b"\x00\x00\x00\x0cjP  ")))
    places = [0, *sorted(cut - cut % 2 for cut in cuts), len(STREAM)]
    parts = [STREAM[a:b] for a, b in pairwise(places)]
    pixels = b"".join([item(table), *map(item, parts), b"\xfe\xff\xdd\xe0\0\0\0\0"])
    data = dicom(WIDE, JPEGLSLossless, tags={"PixelData": pixels})
    np.testing.assert_array_equal(read_film(data).grey, WIDE)


@settings(deadline=None)
@given(
    keyword=st.sampled_from(OPTIONAL),
    vr=st.sampled_from(["DS", "IS", "LO", "UT", "UN", "US", "OB", "CS", "SQ"]),
    value=st.one_of(
        st.binary(max_size=40),
        st.text("0123456789.,-+eE\\ mabc", max_size=30).map(str.encode),
    ),
)
def test_an_optional_tag_that_cannot_be_read_never_makes_a_film_broken(
    keyword: str, vr: str, value: bytes
) -> None:
    try:
        code, grey = None, read_film(with_element(keyword, vr, value)).grey
    except Refused as refused:
        code, grey = refused.code, WIDE
    assert code in (None, Code.LATERAL, Code.BODY_PART, Code.FLAT)
    assert len(np.unique(grey)) > 60


@settings(deadline=None)
@given(
    shape=st.sampled_from(["RECTANGULAR", "CIRCULAR", "POLYGONAL", "RECTANGULAR\\CIRCULAR"]),
    numbers=st.lists(st.integers(-200, 400), min_size=13, max_size=13),
)
def test_any_shutter_leaves_a_film(shape: str, numbers: list[int]) -> None:
    tags: dict[str, Any] = {
        "ShutterShape": shape.split("\\"),
        "ShutterLeftVerticalEdge": numbers[0],
        "ShutterRightVerticalEdge": numbers[1],
        "ShutterUpperHorizontalEdge": numbers[2],
        "ShutterLowerHorizontalEdge": numbers[3],
        "CenterOfCircularShutter": numbers[4:6],
        "RadiusOfCircularShutter": numbers[6],
        "VerticesOfThePolygonalShutter": numbers[7:13],
    }
    try:
        code, grey = None, read_film(dicom(WIDE, tags=tags)).grey
    except NotReadable as refused:
        code, grey = refused.code, WIDE
    # What is left may show nothing, or be too small for a film of so few pixels.
    assert code in (None, Code.FLAT, Code.UNREADABLE)
    assert grey.size >= WIDE.size / 20


@settings(deadline=None)
@given(stored=st.integers(0, 40), high_bit=st.integers(0, 40))
def test_bits_that_do_not_fit_the_samples_change_nothing(stored: int, high_bit: int) -> None:
    tags = {"BitsStored": stored, "HighBit": high_bit}
    grey = read_film(dicom(WIDE, ExplicitVRLittleEndian, tags=tags)).grey
    assert np.abs(grey.astype(int) - WIDE).max() <= 2


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_stream_that_lacks_its_end_stays_broken(share: float) -> None:
    cut = STREAM[: int(len(STREAM) * share) // 2 * 2]
    pixels = b"".join([item(b""), item(cut), b"\xfe\xff\xdd\xe0\0\0\0\0"])
    with pytest.raises(Refused) as caught:
        read_film(dicom(WIDE, JPEGLSLossless, tags={"PixelData": pixels}))
    assert caught.value.code == Code.BROKEN
