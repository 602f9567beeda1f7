import numpy as np
import pytest

from laboratory import outliers


def film() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)


@pytest.mark.parametrize(
    "spoil",
    [
        outliers.varied,
        outliers.inverted,
        outliers.turned,
        outliers.part,
        outliers.shuffled,
        outliers.another_thing,
        outliers.framed,
        outliers.clouded,
        lambda grey, random: outliers.laid_out(grey, grey, random),
        lambda grey, random: outliers.drawn(len(grey), random),
    ],
)
def test_each_outlier_is_an_image_and_the_same_for_the_same_seed(spoil: outliers.Spoil) -> None:
    for seed in range(12):
        made = [spoil(film(), np.random.default_rng(seed)) for _ in range(2)]
        assert made[0].shape == (64, 64)
        assert made[0].dtype == np.uint8
        assert (made[0] == made[1]).all()


def test_an_opacity_brightens_and_never_darkens() -> None:
    dark = np.full((64, 64), 40, dtype=np.uint8)
    made = outliers.clouded(dark, np.random.default_rng(1)).astype(int)
    assert (made >= 39).all()
    assert made.max() > 60
