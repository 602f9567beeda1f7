"""The same film rendered as by other machines and people: a harder evaluation.

Each rendering keeps what a reader sees. A network that judges it differently relies on something
other than the disease: framing, sharpness, exposure, or letters burned into a corner.
"""

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

Rendering = Callable[[Image.Image], Image.Image]


def _gamma(exponent: float) -> Rendering:
    table = [round(255 * (level / 255) ** exponent) for level in range(256)]
    return lambda film: film.point(table)


def _contrast(factor: float) -> Rendering:
    return lambda film: ImageEnhance.Contrast(film).enhance(factor)


def _cut(left: float, top: float) -> Rendering:
    """Crop this share of the film at each side; the network's input stretches it again."""

    def render(film: Image.Image) -> Image.Image:
        across, down = round(left * film.width), round(top * film.height)
        return film.crop((across, down, film.width - across, film.height - down))

    return render


def _turned(film: Image.Image) -> Image.Image:
    return film.rotate(8, Image.Resampling.BICUBIC)


def _blurred(film: Image.Image) -> Image.Image:
    """Resize to 96 pixels and back, like an export for the web."""
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
    """Blacken a tenth of the film at each side, like a collimator."""
    border = (film.width // 10, film.height // 10)
    return ImageOps.expand(ImageOps.crop(film, border), border, fill=0)


def _coarse_jpeg(film: Image.Image) -> Image.Image:
    """Compress as a messenger would."""
    packed = io.BytesIO()
    film.save(packed, "JPEG", quality=10)
    return Image.open(packed).convert("L")


def _slanted(film: Image.Image) -> Image.Image:
    """Distort as if photographed from the side: the right edge is shorter."""
    width, height, less = film.width, film.height, 0.08
    corners = (0, 0, 0, height, width, (1 + less) * height, width, -less * height)
    return film.transform(film.size, Image.Transform.QUAD, corners, Image.Resampling.BILINEAR)


def _vignetted(film: Image.Image) -> Image.Image:
    across = np.linspace(-1, 1, film.width)[None, :]
    down = np.linspace(-1, 1, film.height)[:, None]
    light = 1 - 0.35 * np.clip(across**2 + down**2, 0, 2)
    return Image.fromarray((np.asarray(film) * light).astype(np.uint8))


def _labelled(film: Image.Image) -> Image.Image:
    """Burn in a patient's line and a side, like a workstation."""
    written = film.copy()
    draw, size = ImageDraw.Draw(written), film.height / 20
    draw.text((size / 2, size / 2), "DOE J  03Y M  AP SUPINE", fill=255, font_size=size)
    draw.text((film.width - 3 * size, film.height - 3 * size), "L", fill=255, font_size=2 * size)
    return written


def _in_a_viewer(film: Image.Image) -> Image.Image:
    """Return a screenshot: the film between a toolbar and a list of names."""
    side = max(film.size)
    page = Image.new("L", (round(1.8 * side), round(1.3 * side)), 45)
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, page.width, side // 10), fill=200)
    for line in range(12):
        place = (side // 40, side // 6 + line * side // 12)
        draw.text(place, f"Study {line + 1:03d}  CR CHEST", fill=220, font_size=side / 30)
    page.paste(film, (page.width - film.width - side // 10, side // 6))
    return page


def _twice(film: Image.Image) -> Image.Image:
    page = Image.new("L", (2 * film.width, film.height))
    page.paste(film, (0, 0))
    page.paste(ImageOps.mirror(film), (film.width, 0))
    return page


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


# No augmentation resembles these, so results on them were not learnt by heart.
UNSEEN: dict[str, Rendering] = {
    "equalised": ImageOps.equalize,
    "ends of the greys clipped": lambda film: ImageOps.autocontrast(film, cutoff=4),
    "coarse JPEG": _coarse_jpeg,
    "at a slant": _slanted,
    "vignetted": _vignetted,
    "median-filtered": lambda film: film.filter(ImageFilter.MedianFilter(5)),
    "eight grey levels": lambda film: ImageOps.posterize(film, 3),
    "text burned in": _labelled,
    "white edge": lambda film: ImageOps.expand(film, min(film.size) // 16, fill=255),
}

# These are not films to be judged as they are: a gate must reject them, or the finding must hold.
SPOILT: dict[str, Rendering] = {
    "inverted": ImageOps.invert,
    "turned by 90 degrees": lambda film: film.transpose(Image.Transpose.ROTATE_90),
    "turned by 180 degrees": lambda film: film.transpose(Image.Transpose.ROTATE_180),
    "turned by 270 degrees": lambda film: film.transpose(Image.Transpose.ROTATE_270),
    "a quarter of it": lambda film: film.crop((0, 0, film.width // 2, film.height // 2)),
    "in a wide black frame": lambda film: ImageOps.expand(film, min(film.size) // 3, fill=0),
    "in a viewer": _in_a_viewer,
    "twice in one picture": _twice,
}


def rerender(grey: NDArray[np.uint8], rendering: Rendering) -> NDArray[np.uint8]:
    """Return grey levels [H, W] in that rendering; the shape may change."""
    return np.asarray(rendering(Image.fromarray(grey)))
