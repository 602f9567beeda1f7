"""The same film as other machines and other hands would have rendered it: a harder yardstick.

Each rendering keeps what a reader sees. A network that judges it otherwise leans on something that
is not the disease: framing, sharpness, exposure, or the letters burned into a corner.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

Rendering = Callable[[Image.Image], Image.Image]


def _gamma(exponent: float) -> Rendering:
    table = [round(255 * (level / 255) ** exponent) for level in range(256)]
    return lambda film: film.point(table)


def _contrast(factor: float) -> Rendering:
    return lambda film: ImageEnhance.Contrast(film).enhance(factor)


def _cut(left: float, top: float) -> Rendering:
    """Without this share of the film at each side; the network's input stretches it back."""

    def render(film: Image.Image) -> Image.Image:
        across, down = round(left * film.width), round(top * film.height)
        return film.crop((across, down, film.width - across, film.height - down))

    return render


def _turned(film: Image.Image) -> Image.Image:
    return film.rotate(8, Image.Resampling.BICUBIC)


def _blurred(film: Image.Image) -> Image.Image:
    """Through 96 pixels and back, as an export for the web."""
    return film.resize((96, 96), Image.Resampling.BILINEAR).resize(film.size)


def _sharpened(film: Image.Image) -> Image.Image:
    return film.filter(
        ImageFilter.UnsharpMask(radius=max(film.size) / 200, percent=150, threshold=0)
    )


def _corners_masked(film: Image.Image) -> Image.Image:
    masked, side = film.copy(), min(film.size) // 5
    for left in (0, film.width - side):
        for top in (0, film.height - side):
            masked.paste(0, (left, top, left + side, top + side))
    return masked


def _framed(film: Image.Image) -> Image.Image:
    """Black to a tenth of the film at each side, as a collimator leaves it."""
    border = (film.width // 10, film.height // 10)
    return ImageOps.expand(ImageOps.crop(film, border), border, fill=0)


RENDERINGS: dict[str, Rendering] = {
    "as it is": lambda film: film,
    "darker": _gamma(1.5),
    "lighter": _gamma(0.65),
    "less contrast": _contrast(0.6),
    "more contrast": _contrast(1.4),
    "cut at the sides": _cut(0.1, 0.0),
    "cut above and below": _cut(0.0, 0.1),
    "cut all around": _cut(0.1, 0.1),
    "turned by 8 degrees": _turned,
    "blurred": _blurred,
    "sharpened": _sharpened,
    "corners masked": _corners_masked,
    "framed in black": _framed,
}


def rerender(grey: NDArray[np.uint8], rendering: Rendering) -> NDArray[np.uint8]:
    """Grey levels [H, W] as `rendering` shows them; the shape may change."""
    return np.asarray(rendering(Image.fromarray(grey)))
