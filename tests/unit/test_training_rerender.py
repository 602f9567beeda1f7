import numpy as np
import pytest

from training.evaluation.rerender import RENDERINGS, rerender

GRADIENT = np.tile(np.linspace(20, 220, 200).astype(np.uint8), (160, 1))
GRADIENT[60:100, 80:120] += 30  # an edge to sharpen


@pytest.mark.parametrize("name", RENDERINGS)
def test_every_rendering_is_a_valid_film(name: str) -> None:
    film = rerender(GRADIENT, RENDERINGS[name])
    assert film.dtype == np.uint8
    assert film.ndim == 2
    assert min(film.shape) >= 100
    same = film.shape == GRADIENT.shape and bool(np.array_equal(film, GRADIENT))
    assert same == (name == "as it is")


def test_exposure_moves_the_grey_levels_as_named() -> None:
    mean = GRADIENT.mean()
    assert rerender(GRADIENT, RENDERINGS["darker"]).mean() < mean
    assert rerender(GRADIENT, RENDERINGS["lighter"]).mean() > mean
    assert rerender(GRADIENT, RENDERINGS["less contrast"]).std() < GRADIENT.std()
    assert rerender(GRADIENT, RENDERINGS["more contrast"]).std() > GRADIENT.std()


def test_cuts_take_a_tenth_at_each_side_named() -> None:
    assert rerender(GRADIENT, RENDERINGS["cut at the sides"]).shape == (160, 160)
    assert rerender(GRADIENT, RENDERINGS["cut above and below"]).shape == (128, 200)
    assert rerender(GRADIENT, RENDERINGS["cut all around"]).shape == (128, 160)


def test_masks_are_black_and_change_nothing_else() -> None:
    corners = rerender(GRADIENT, RENDERINGS["corners masked"])
    assert np.all(corners[:32, :32] == 0)
    assert np.all(corners[-32:, -32:] == 0)
    assert np.array_equal(corners[32:-32], GRADIENT[32:-32])
    framed = rerender(GRADIENT, RENDERINGS["framed in black"])
    assert np.all(framed[:16] == 0)
    assert np.all(framed[:, -20:] == 0)
    assert np.array_equal(framed[16:-16, 20:-20], GRADIENT[16:-16, 20:-20])
