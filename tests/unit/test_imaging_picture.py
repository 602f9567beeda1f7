"""The picture of a DICOM film for readers: every value, its window, and what a pixel measures."""

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset

from imaging.dicom import Refused, read_film
from imaging.dicom.picture import SHORT_SIDE, TEXT
from testbed.dicom_films import dicom, film


def opened(png: bytes | None) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
    """Return the values of the pixels, as the page puts them together, and what it is told."""
    assert png
    image: Any = Image.open(io.BytesIO(png))
    channels = np.asarray(image).astype(np.int64)
    about = json.loads(image.text[TEXT])
    return about["low"] + about["step"] * (channels[..., 0] * 256 + channels[..., 1]), about


def shown(values: np.ndarray[Any, Any], about: dict[str, Any]) -> np.ndarray[Any, Any]:
    """Return the grey levels of the window that the picture comes with."""
    levels = (values - about["black"]) / (about["white"] - about["black"]) * 255
    found: np.ndarray[Any, Any] = np.clip(np.rint(levels), 0, 255)
    return found


def samples_of(data: bytes) -> np.ndarray[Any, Any]:
    from pydicom import dcmread

    found: np.ndarray[Any, Any] = dcmread(io.BytesIO(data)).pixel_array
    return found


def test_every_value_of_twelve_bits_is_in_it() -> None:
    data = dicom(film())
    found, about = opened(read_film(data, pictured=True).picture)
    samples = samples_of(data)
    assert len(np.unique(found)) > 256 / 2
    np.testing.assert_array_equal(found, samples)
    assert np.abs(shown(found, about) - read_film(data).grey).max() <= 1


def test_rescaled_and_inverted_values_are_those_of_the_file() -> None:
    tags = {"RescaleSlope": "0.5", "RescaleIntercept": "-100"}
    plain, _ = opened(read_film(dicom(film(), tags=tags, window=False), pictured=True).picture)
    samples = samples_of(dicom(film(), window=False))
    np.testing.assert_allclose(plain, samples * 0.5 - 100)
    data = dicom(film(), monochrome1=True)
    inverted, about = opened(read_film(data, pictured=True).picture)
    np.testing.assert_array_equal(inverted, samples_of(data))
    assert about["black"] > about["white"]
    assert np.abs(shown(inverted, about) - read_film(data).grey).max() <= 1


@pytest.mark.parametrize(
    ("tags", "mm", "calibrated"),
    [
        ({"PixelSpacing": None}, None, False),
        ({"ImagerPixelSpacing": [0.14, 0.14], "PixelSpacing": None}, 0.14, False),
        ({"PixelSpacing": [0.15, 0.15]}, 0.15, False),
        ({"ImagerPixelSpacing": [0.14, 0.14], "PixelSpacing": [0.13, 0.13]}, 0.13, True),
        ({"ImagerPixelSpacing": [0.14, 0.14], "PixelSpacing": [0.14, 0.14]}, 0.14, False),
    ],
)
def test_the_pixel_size_is_that_of_the_file(
    tags: dict[str, Any], mm: float | None, calibrated: bool
) -> None:
    _, about = opened(read_film(dicom(film(), tags=tags), pictured=True).picture)
    assert (about["mm"], about["calibrated"]) == (mm, calibrated)


def test_a_large_film_is_scaled_and_its_pixels_measure_more() -> None:
    data = dicom(film(2500, 3000), tags={"PixelSpacing": [0.1, 0.1]})
    found, about = opened(read_film(data, pictured=True).picture)
    assert min(found.shape) == SHORT_SIDE
    assert about["mm"] == pytest.approx(0.1 * 2500 / SHORT_SIDE, rel=0.01)


def test_a_lateral_film_is_refused_with_its_picture_and_a_broken_one_without() -> None:
    with pytest.raises(Refused) as side:
        read_film(dicom(film(), tags={"ViewPosition": "LL"}), pictured=True)
    opened(side.value.picture)

    def without_pixels(dataset: Dataset) -> None:
        del dataset.PixelData

    with pytest.raises(Refused) as empty:
        read_film(dicom(film(), change=without_pixels), pictured=True)
    assert empty.value.picture is None
    assert empty.value.facts
