import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from serving.pixels import Grey, read_grey
from training.duplicates import find_pairs, fingerprint

SAMPLES = sorted((Path(__file__).parents[2] / "samples").rglob("*.jpeg"))


@pytest.fixture(scope="module")
def films() -> list[Grey]:
    return [read_grey(path.read_bytes(), 128) for path in SAMPLES[::4]]


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


@pytest.mark.parametrize("change", ["quality", "size", "exposure"])
def test_a_film_saved_anew_is_a_near_pair(films: list[Grey], change: str) -> None:
    for film in films:
        image = Image.fromarray(film)
        altered = {
            "quality": lambda image=image: again(image, "JPEG", 40),
            "size": lambda image=image: again(image.resize((112, 112)), "JPEG"),
            "exposure": lambda film=film: (255 * (film / 255) ** 0.7).astype(np.uint8),
        }[change]()
        (pair,) = find_pairs([fingerprint(film), fingerprint(altered)])
        assert not pair.exact


def test_the_closest_pair_comes_first(films: list[Grey]) -> None:
    image = Image.fromarray(films[2])
    darker = (255 * (films[2] / 255) ** 1.5).astype(np.uint8)
    pairs = find_pairs([fingerprint(f) for f in (films[2], darker, np.asarray(image))])
    assert [pair.exact for pair in pairs] == [True, False, False]
    assert (pairs[0].first, pairs[0].second) == (0, 2)
