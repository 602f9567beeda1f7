"""Films without anything that identifies the patient, and with every pixel."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from imaging.bare import bare, stripped
from imaging.readers import read_grey
from imaging.refusals import NotReadable
from testbed.dicom_films import dicom

NAME = b"Mustermann^Max^19700101"
GREY = np.add.outer(np.arange(48), np.arange(64)).astype(np.uint8)
SAMPLE = next((Path(__file__).parents[2] / "samples/NORMAL").glob("*.jpeg"))


def saved(image: Image.Image, kind: str, **more: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


def named(kind: str, orientation: int) -> dict[str, Any]:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = NAME.decode()
    info = PngInfo()
    info.add_text("Patient", NAME.decode())
    info.add_itxt("Name", NAME.decode())
    return {"exif": exif, **({"pnginfo": info} if kind == "PNG" else {"comment": NAME})}


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["JPEG", "PNG"]),
    mode=st.sampled_from(["L", "RGB", "P", "RGBA", "CMYK", "I;16", "1"]),
    orientation=st.integers(1, 8),
    progressive=st.booleans(),
    behind=st.sampled_from([b"", NAME]),
)
def test_no_name_is_left_and_no_pixel_lost(
    kind: str, mode: str, orientation: int, progressive: bool, behind: bytes
) -> None:
    if kind == "JPEG":
        mode = {"P": "L", "RGBA": "RGB", "I;16": "L", "1": "L"}.get(mode, mode)
    elif mode == "CMYK":
        mode = "L"
    image = Image.fromarray(GREY.astype(np.uint16) * 257) if mode == "I;16" else None
    image = image or Image.fromarray(GREY).convert(mode)
    options = {"progressive": progressive, "restart_marker_rows": 1} if kind == "JPEG" else {}
    data = saved(image, kind, **named(kind, orientation), **options) + behind
    assert NAME in data
    found = bare(data)
    assert NAME not in found
    np.testing.assert_array_equal(read_grey(found), read_grey(data))


def test_a_dicom_film_keeps_the_greys_that_are_screened() -> None:
    data = dicom(GREY, tags={"PatientName": NAME.decode(), "PatientID": "4711"})
    found = bare(data)
    assert NAME not in found
    assert found.startswith(b"\x89PNG")
    np.testing.assert_array_equal(read_grey(found), read_grey(data))


def test_a_published_film_stays_as_it_is() -> None:
    assert read_grey(bare(SAMPLE.read_bytes())).shape == read_grey(SAMPLE.read_bytes()).shape
    plain = saved(Image.fromarray(GREY), "JPEG")
    assert bare(plain) == plain


@settings(max_examples=100, deadline=None)
@given(
    cut=st.integers(0, 400),
    noise=st.binary(max_size=40),
    start=st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b""]),
)
def test_a_damaged_file_is_refused_or_readable(cut: int, noise: bytes, start: bytes) -> None:
    for data in (saved(Image.fromarray(GREY), "PNG")[:cut] + noise, start + noise):
        stripped(data)
        try:
            bare(data)
        except NotReadable:
            continue


def test_a_file_that_is_no_film_is_refused() -> None:
    with pytest.raises(NotReadable):
        bare(b"%PDF-1.7 Mustermann")
