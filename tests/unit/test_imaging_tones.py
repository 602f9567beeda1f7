"""Tones, depths, signs, padding and shutters that do not fit their film, as machines write them."""

import io
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import JPEG2000, UID, JPEG2000Lossless, JPEGLosslessSV1

from imaging.dicom import read_film
from imaging.grey import Grey
from imaging.network_input import network_input
from imaging.readers import read_grey
from imaging.tones import fits, histogram, shows_nothing
from serving.network import Network
from testbed.dicom_films import dicom

ROOT = Path(__file__).parents[2]
HEALTHY = "NORMAL/NORMAL2-IM-0635-0001.jpeg"
ILL = "PNEUMONIA/person1431_bacteria_3698.jpeg"
NEAR = 0.02  # how far a probability may be from that of the film with its own tags

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


@pytest.fixture(scope="module")
def shipped() -> Network:
    return Network(ROOT / "model" / "cxr-resnet18.onnx", threads=1)


def sample(name: str) -> Grey:
    return network_input(read_grey((ROOT / "samples" / name).read_bytes()), 320).copy()


def chest() -> Grey:
    """Return a sketch of a chest: dark lungs on a brighter body, dark air around it, and grain."""
    down, across = np.mgrid[0:96, 0:96] / 95
    levels = 40 + 140 * np.exp(-(((across - 0.5) / 0.42) ** 4))
    for middle in (0.3, 0.7):
        lung = ((across - middle) / 0.14) ** 2 + ((down - 0.45) / 0.3) ** 2
        levels -= 90 * np.exp(-lung)
    grain = np.random.default_rng(1).normal(0, 3, levels.shape)
    return np.asarray(np.clip(levels + grain + 40 * down, 1, 254), dtype=np.uint8)


def probability(network: Network, grey: Grey) -> float:
    return float(network.probabilities(network_input(grey, network.size))[1])


def stored(grey: Grey, top: int = 4095, low: int = 0) -> NDArray[np.int64]:
    return np.rint(low + grey.astype(float) * ((top - low) / 255)).astype(np.int64)


def pixels(values: NDArray[np.int64]) -> bytes:
    return values.astype("<i4").astype(np.uint16).astype("<u2").tobytes()


def lut(entries: NDArray[np.int64], bits: int, first: int = 0) -> Sequence:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries) % 65536, first % 65536, bits])
    item.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
    return Sequence([item])


LINE = np.arange(4096)
FULL: dict[str, Any] = {"WindowCenter": 2048, "WindowWidth": 4096}
# Of each: the tags, and the samples where these are not the film in 12 bits without a sign.
KINDS: dict[str, dict[str, Any]] = {
    "window of 16 bits": {"WindowCenter": 32768, "WindowWidth": 65536},
    "window far away": {"WindowCenter": -2048, "WindowWidth": 4096},
    "first window useless": {"WindowCenter": [40, 2048], "WindowWidth": [400, 4096]},
    "window of no width": {"WindowCenter": 2048, "WindowWidth": 0},
    "window in words": {"WindowCenter": "", "WindowWidth": ""},
    "window of stored values": {"RescaleSlope": 16, "RescaleIntercept": 5, **FULL},
    "window in rescaled values": {"RescaleSlope": 16, "WindowCenter": 32768, "WindowWidth": 65536},
    "rescale to next to nothing": {"RescaleSlope": 1e-7, **FULL},
    "LUT of 12 bits said to be 16": {"VOILUTSequence": lut(LINE, 16)},
    "LUT of 8 bits said to be 12": {"VOILUTSequence": lut(LINE // 16, 12)},
    "LUT of 14 bits said to be 16": {"VOILUTSequence": lut(LINE * 4, 16)},
    "LUT that begins beyond the film": {"VOILUTSequence": lut(LINE, 12, first=9000), **FULL},
    "LUT of two entries": {"VOILUTSequence": lut(np.array([0, 4095]), 12), **FULL},
    "padding that covers the film": {"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 4095},
    "padding that covers most": {"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 2500},
    "bits stored too few": {"BitsStored": 10, "HighBit": 9, **FULL},
    "bits stored too many": {"BitsStored": 16, "HighBit": 15, **FULL},
    "high bit too high": {"HighBit": 15, **FULL},
    "high bit beyond reason": {"HighBit": 99, "BitsStored": 200, **FULL},
    "sign without need": {"PixelRepresentation": 1, **FULL},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [HEALTHY, ILL])
def test_odd_tags_do_not_change_the_probability(shipped: Network, name: str, kind: str) -> None:
    grey = sample(name)
    own = probability(shipped, read_film(dicom(grey, window=False)).grey)
    found = read_film(dicom(grey, window=False, tags=KINDS[kind]))
    assert probability(shipped, found.grey) == pytest.approx(own, abs=NEAR), found.facts.rendering


@pytest.mark.parametrize("name", [HEALTHY, ILL])
def test_odd_samples_do_not_change_the_probability(shipped: Network, name: str) -> None:
    grey = sample(name)
    own = probability(shipped, read_film(dicom(grey, window=False)).grey)
    signed = {"PixelRepresentation": 1, "PixelData": pixels(stored(grey) - 2048), **FULL}
    eight = {
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelData": grey.tobytes(),
        **FULL,
    }
    fourteen = {"BitsStored": 14, "HighBit": 13, "PixelData": pixels(stored(grey, 16383)), **FULL}
    narrow = {"PixelData": pixels(stored(grey, 1300, 1000)), **FULL}
    for tags in (signed, eight, fourteen, narrow):
        found = read_film(dicom(grey, window=False, tags=tags))
        assert probability(shipped, found.grey) == pytest.approx(own, abs=2 * NEAR), tags.keys()


@pytest.mark.parametrize("name", [HEALTHY, ILL])
def test_pixels_above_the_stated_depth_are_white(shipped: Network, name: str) -> None:
    grey, marked = sample(name), stored(sample(name))
    grey[4:40, 4:60] = 255
    marked[4:40, 4:60] = 65535
    tags = {"BitsStored": 16, "HighBit": 15, "PixelData": pixels(marked)}
    found = read_film(dicom(grey, window=False, tags=tags)).grey
    own = probability(shipped, read_film(dicom(grey, window=False)).grey)
    assert (probability(shipped, found) >= 0.1) == (own >= 0.1) == (name == ILL)


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLosslessSV1, JPEG2000])
def test_the_depth_of_the_stream_overrides_the_headers(syntax: UID) -> None:
    values = stored(chest()).astype(np.uint16)
    streams = {
        JPEGLosslessSV1: lambda: imagecodecs.ljpeg_encode(values, bitspersample=12),
        JPEG2000Lossless: lambda: imagecodecs.jpeg2k_encode(
            values, level=0, codecformat="j2k", bitspersample=12, reversible=True
        ),
        JPEG2000: lambda: imagecodecs.jpeg2k_encode(
            values, level=60, codecformat="j2k", bitspersample=12, reversible=False
        ),
    }
    tags = {
        "BitsStored": 10,
        "HighBit": 9,
        "PixelData": encapsulate([bytes(streams[syntax]())]),
        **FULL,
    }
    found = read_film(dicom(chest(), syntax, tags=tags)).grey
    assert np.abs(found.astype(int) - chest()).mean() < 3


@settings(max_examples=60, deadline=None)
@given(
    center=st.floats(-1e8, 1e8) | st.integers(-70_000, 70_000),
    width=st.floats(-10, 1e8) | st.integers(0, 70_000),
    slope=st.none() | st.floats(-1e6, 1e6),
    intercept=st.none() | st.floats(-1e6, 1e6),
    padding=st.none() | st.tuples(st.integers(0, 32767), st.integers(0, 32767)),
    bits=st.integers(0, 20),
    high=st.integers(0, 20),
    sign=st.booleans(),
)
def test_the_lungs_are_visible_whatever_the_window_is(
    center: float,
    width: float,
    slope: float | None,
    intercept: float | None,
    padding: tuple[int, int] | None,
    bits: int,
    high: int,
    sign: bool,
) -> None:
    tags: dict[str, Any] = {"WindowCenter": f"{center:.8g}", "WindowWidth": f"{width:.8g}"}
    tags |= {"BitsStored": bits, "HighBit": high, "PixelRepresentation": int(sign)}
    if slope is not None:
        tags["RescaleSlope"] = f"{slope:.8g}"
    if intercept is not None:
        tags["RescaleIntercept"] = f"{intercept:.8g}"
    if padding is not None:
        tags["PixelPaddingValue"], tags["PixelPaddingRangeLimit"] = padding
    grey = read_film(dicom(chest(), window=False, tags=tags)).grey
    seen = histogram(grey)
    assert fits(np.arange(256.0), seen) or grey.shape != chest().shape
    # Bright stays bright, unless the file turns it round itself.
    middle = (slice(25, 70), slice(25, 70))  # where no padding can lie
    same = grey.shape == (96, 96)
    rise = np.corrcoef(grey[middle].ravel(), chest()[middle].ravel())[0, 1] if same else 1.0
    assert abs(rise) > 0.9
    assert rise > 0 or (slope or 0) < 0


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("marker", [0, 2, 30])
def test_a_png_of_sixteen_bits_is_shown_whatever_its_marker(bits: int, marker: int) -> None:
    samples = stored(chest(), 2**bits - 1).astype(np.uint16)
    samples[:marker, :marker] = 65535
    found = read_grey(_png(samples))
    plain = chest().astype(int)
    plain[:marker, :marker] = 255
    assert np.abs(found.astype(int) - plain).mean() < 2


@settings(max_examples=40, deadline=None)
@given(low=st.integers(0, 60_000), span=st.integers(300, 5_000), marker=st.booleans())
def test_a_png_that_uses_any_part_of_its_range_is_shown(low: int, span: int, marker: bool) -> None:
    samples = stored(chest(), low + span, low).astype(np.uint16)
    if marker:
        samples[:3, :3] = 65535
    found = read_grey(_png(samples))
    assert found[30:70, 20:70].std() > 15


# --- padding and shutters ---


@settings(max_examples=60, deadline=None)
@given(
    level=st.integers(120, 255),
    sides=st.tuples(*[st.integers(0, 60)] * 4),
    lossy=st.booleans(),
)
def test_padding_of_any_grey_at_any_side_is_cut_off(
    level: int, sides: tuple[int, int, int, int], lossy: bool
) -> None:
    top, bottom, left, right = sides
    padded = np.pad(chest(), ((top, bottom), (left, right)), constant_values=level)
    found = read_grey(_jpeg(padded) if lossy else _png(padded))
    slack = 8 if lossy else 0  # JPEG spreads a strip's edge over its blocks
    assert abs(found.shape[0] - 96) <= slack
    assert abs(found.shape[1] - 96) <= slack


@pytest.mark.parametrize("width", [4, 24])
def test_black_padding_is_cut_off_however_narrow(width: int) -> None:
    padded = np.pad(chest(), ((0, 0), (width, width)))
    assert read_grey(_png(padded)).shape == (96, 96)


@pytest.mark.parametrize(("width", "cut"), [(4, False), (24, True)])
def test_a_narrow_dark_border_is_left_and_a_wide_one_cut(width: int, cut: bool) -> None:
    padded = np.pad(chest(), ((0, 0), (width, width)), constant_values=9)  # collimated, with noise
    assert (read_grey(_png(padded)).shape == (96, 96)) == cut


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_image_of_one_level_stays_as_it_is(level: int) -> None:
    assert read_grey(_png(np.full((60, 50), level, np.uint8))).shape == (60, 50)


def test_a_film_is_cropped_to_a_rectangular_shutter() -> None:
    white = np.pad(chest(), 20, constant_values=255)
    for left, right in ((21, 116), (116, 21)):
        tags = {"ShutterShape": "RECTANGULAR", "ShutterLeftVerticalEdge": left}
        tags |= {"ShutterRightVerticalEdge": right, "ShutterUpperHorizontalEdge": 21}
        found = read_film(
            dicom(white, tags=tags | {"ShutterLowerHorizontalEdge": 116}, window=False)
        )
        assert found.grey.shape == (96, 96)
        assert "shutter" in found.facts.rendering


def test_films_are_cropped_to_round_and_polygonal_shutters_and_black_outside() -> None:
    white = np.pad(chest(), 20, constant_values=255)
    circle: dict[str, Any] = {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": [68, 68]}
    polygon: dict[str, Any] = {"ShutterShape": "POLYGONAL"}
    polygon["VerticesOfThePolygonalShutter"] = [68, 21, 21, 68, 68, 116, 116, 68]
    for tags in (circle | {"RadiusOfCircularShutter": 47}, polygon):
        found = read_film(dicom(white, tags=tags, window=False)).grey
        assert abs(found.shape[0] - 96) <= 2
        assert found[0, 0] == found[-1, -1] == 0
        assert found[48, 48] > 0


@pytest.mark.parametrize(
    "tags",
    [
        {"ShutterShape": "RECTANGULAR", "ShutterLeftVerticalEdge": 5},
        {
            "ShutterShape": "RECTANGULAR",
            "ShutterLeftVerticalEdge": 500,
            "ShutterRightVerticalEdge": 900,
            "ShutterUpperHorizontalEdge": 1,
            "ShutterLowerHorizontalEdge": 2,
        },
        {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": [5, 5]},
        {"ShutterShape": "POLYGONAL", "VerticesOfThePolygonalShutter": [1, 2, 3]},
        {"ShutterShape": "BITMAP"},
    ],
)
def test_an_implausible_shutter_is_ignored(tags: dict[str, Any]) -> None:
    assert read_film(dicom(chest(), tags=tags)).grey.shape == (96, 96)


def test_blank_films_are_distinguished_from_films_of_low_contrast() -> None:
    assert shows_nothing(np.full((50, 50), 7, np.uint8))
    assert shows_nothing(np.tile(np.array([0, 255], np.uint8), (50, 25)))
    assert not shows_nothing(chest())
    assert not shows_nothing((chest() // 8).astype(np.uint8))


def _png(samples: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(samples).save(file, "PNG")
    return file.getvalue()


def _jpeg(samples: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(samples).save(file, "JPEG", quality=80)
    return file.getvalue()
