"""Padding at the edges of films is found, whatever its colour, sides, noise and text."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from imaging.edges import without_padding
from imaging.grey import Grey
from imaging.network_input import network_input
from imaging.readers import read_grey

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "samples").glob("*/*.jpeg"))
RIPPLES = 2  # lines at each side that JPEG may leave, or take

sides = st.tuples(*[st.integers(0, 60)] * 4)
# A strip that shares its block of eight pixels with the film may stay: it is too narrow to matter.
whole_blocks = st.tuples(*[st.just(0) | st.integers(8, 60)] * 4)


@pytest.fixture(scope="module")
def film() -> Grey:
    """Return the middle of a film, with edges that show only the patient."""
    grey = read_grey(SAMPLES[0].read_bytes())
    height, width = grey.shape
    middle = grey[height // 4 : -height // 4, width // 4 : -width // 4]
    return network_input(middle, 160)


def padded(film: Grey, sides: tuple[int, int, int, int], level: int) -> Grey:
    top, bottom, left, right = sides
    return np.pad(film, ((top, bottom), (left, right)), constant_values=level)


def as_jpeg(grey: Grey, quality: int) -> Grey:
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def assert_is(found: Grey, film: Grey, within: int = RIPPLES) -> None:
    for side, expected in zip(found.shape, film.shape, strict=True):
        assert abs(side - expected) <= 2 * within


@settings(deadline=None)
@given(sides=sides, level=st.integers(190, 255))
def test_bright_padding_is_cut_off(film: Grey, sides: tuple[int, ...], level: int) -> None:
    np.testing.assert_array_equal(without_padding(padded(film, sides, level)), film)  # type: ignore[arg-type]


@settings(deadline=None)
@given(sides=whole_blocks, level=st.integers(200, 255), quality=st.integers(40, 95))
def test_the_ripples_of_jpeg_do_not_hide_padding(
    film: Grey, sides: tuple[int, int, int, int], level: int, quality: int
) -> None:
    assert_is(without_padding(as_jpeg(padded(film, sides, level), quality)), film)


@settings(deadline=None)
@given(sides=sides, noise=st.floats(0, 8), seed=st.integers(0, 99))
def test_the_noise_of_scanned_paper_does_not_hide_padding(
    film: Grey, sides: tuple[int, int, int, int], noise: float, seed: int
) -> None:
    bright = padded(film, sides, 0).astype(np.float64)
    paper = padded(np.zeros_like(film), sides, 1) > 0
    chance = np.random.default_rng(seed)
    bright[paper] = 245 + chance.normal(0, noise, np.count_nonzero(paper))
    assert_is(without_padding(np.clip(bright, 0, 255).astype(np.uint8)), film)


@pytest.mark.parametrize("level", [255, 230])
def test_text_does_not_hide_padding(film: Grey, level: int) -> None:
    page = Image.fromarray(padded(film, (40, 0, 0, 0), level))
    ImageDraw.Draw(page).text((4, 12), "CHEST AP 12 03 44", fill=0)
    np.testing.assert_array_equal(without_padding(np.asarray(page)), film)


@settings(deadline=None)
@given(share=st.floats(0.1, 0.3), side=st.integers(0, 3))
def test_wide_black_padding_is_cut_off(film: Grey, share: float, side: int) -> None:
    widths = [0, 0, 0, 0]
    widths[side] = round(160 * share / (1 - share)) + 1
    np.testing.assert_array_equal(
        without_padding(padded(film, (widths[0], widths[1], widths[2], widths[3]), 0)), film
    )


def test_white_behind_black_is_cut_off_with_it(film: Grey) -> None:
    white = padded(film, (12, 12, 12, 12), 255)
    np.testing.assert_array_equal(without_padding(padded(white, (6, 6, 6, 6), 0)), film)


@settings(deadline=None)
@given(sides=st.tuples(*[st.integers(0, 12)] * 4), level=st.integers(0, 3))
def test_narrow_black_padding_is_cut_off(
    film: Grey, sides: tuple[int, int, int, int], level: int
) -> None:
    np.testing.assert_array_equal(without_padding(padded(film, sides, level)), film)


def test_a_narrow_dark_border_with_noise_is_a_films_own(film: Grey) -> None:
    chance = np.random.default_rng(3)
    noise = chance.integers(4, 20, (170, 170)).astype(np.uint8)
    noise[5:-5, 5:-5] = film
    np.testing.assert_array_equal(without_padding(noise), noise)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_no_sample_loses_more_than_a_border(path: Path) -> None:
    grey = np.asarray(Image.open(path).convert("L"))
    kept = without_padding(grey)
    assert kept.size >= 0.8 * grey.size


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_image_of_one_level_is_not_cropped(level: int) -> None:
    flat = np.full((90, 70), level, np.uint8)
    np.testing.assert_array_equal(without_padding(flat), flat)
