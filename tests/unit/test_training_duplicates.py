import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imaging.grey import Grey
from imaging.readers import read_grey
from training.dataset.duplicates import find_pairs, fingerprint

SAMPLES = sorted((Path(__file__).parents[2] / "samples").rglob("*.jpeg"))


@pytest.fixture(scope="module")
def films() -> list[Grey]:
    return [read_grey(path.read_bytes(), 128) for path in SAMPLES[1::4]]


def again(image: Image.Image, kind: str, quality: int = 75) -> Grey:
    saved = io.BytesIO()
    image.save(saved, kind, quality=quality)
    return read_grey(saved.getvalue())


def test_different_films_are_no_pair(films: list[Grey]) -> None:
    assert find_pairs([fingerprint(film) for film in films]) == []


def test_the_same_pixels_in_another_file_are_an_exact_pair(films: list[Grey]) -> None:
    copy = again(Image.fromarray(films[0]).convert("RGB"), "PNG")
    (pair,) = find_pairs([fingerprint(film) for film in (*films, copy)])
    assert (pair.first, pair.second, pair.distance, pair.exact) == (0, len(films), 0, True)


def test_one_changed_pixel_is_no_longer_exact(films: list[Grey]) -> None:
    touched = films[1].copy()
    touched[0, 0] ^= 1
    (pair,) = find_pairs([fingerprint(films[1]), fingerprint(touched)])
    assert not pair.exact


def poorer(film: Grey) -> Grey:
    return again(Image.fromarray(film), "JPEG", 40)


def smaller(film: Grey) -> Grey:
    size = (film.shape[1] * 3 // 4, film.shape[0] * 3 // 4)
    return again(Image.fromarray(film).resize(size), "JPEG")


def brighter(film: Grey) -> Grey:
    return (255 * (film / 255) ** 0.7).astype(np.uint8)


@pytest.mark.parametrize("change", [poorer, smaller, brighter])
def test_a_film_saved_again_is_a_near_duplicate(
    films: list[Grey], change: Callable[[Grey], Grey]
) -> None:
    for film in films:
        (pair,) = find_pairs([fingerprint(film), fingerprint(change(film))])
        assert not pair.exact


def test_the_closest_pair_comes_first(films: list[Grey]) -> None:
    image = Image.fromarray(films[2])
    darker = (255 * (films[2] / 255) ** 1.5).astype(np.uint8)
    pairs = find_pairs([fingerprint(f) for f in (films[2], darker, np.asarray(image))])
    assert [pair.exact for pair in pairs] == [True, False, False]
    assert (pairs[0].first, pairs[0].second) == (0, 2)
