"""Shared by the readers that use Pillow: from an opened image to upright grey levels."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imaging.grey import Grey
from imaging.limits import large_films_in_turn
from imaging.refusals import NotReadable
from imaging.tones import between_percentiles, fits, histogram

_ORIENTATION = 0x0112  # the EXIF tag
_ROWS_AT_A_TIME = 512
_SAMPLE_BITS = (8, 10, 12, 14, 16)


def decode(image: Image.Image, full_size: tuple[int, int], name: str) -> Grey:
    """Decode `image`, with a checked size, to upright grey levels.

    Colour becomes luma (ITU-R 601), transparency becomes black, and EXIF orientation is applied.
    16-bit grey is scaled by a depth of 8, 10, 12, 14 or 16 bits: 12-bit detectors often store their
    samples unscaled in 16 bits, with letters burned in at the 16-bit maximum.

    `full_size` is the size in the file, before any draft. `name` is the format's name for the
    error.
    """
    with large_films_in_turn(*full_size):
        with blaming_the_file(name):
            image.load()
        grey = _grey_levels(image, name)
    return _upright(grey, _orientation(image))


@contextmanager
def blaming_the_file(name: str) -> Iterator[None]:
    """Turn any error of Pillow into NotReadable, since no list of its errors exists."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise NotReadable(
            f"The {name} file is damaged, incomplete or of a rare kind. "
            f"Upload it again, or export the X-ray anew as an ordinary {name}."
        ) from error


def _grey_levels(image: Image.Image, name: str) -> Grey:
    if image.mode == "L" and not image.has_transparency_data:
        return np.asarray(image)
    if image.mode == "I;16":
        return _scaled(np.asarray(image))
    # In strips: each step between a large film and its grey levels would copy it whole.
    grey = np.empty((image.height, image.width), dtype=np.uint8)
    for top in range(0, image.height, _ROWS_AT_A_TIME):
        bottom = min(top + _ROWS_AT_A_TIME, image.height)
        strip = image.crop((0, top, image.width, bottom))
        with blaming_the_file(name):
            grey[top:bottom] = np.asarray(_luma(strip))
    return grey


def _scaled(samples: NDArray[np.uint16]) -> Grey:
    """Scale 16 bits to 8, by the largest depth that shows the film, or by the film's own range."""
    seen = histogram(samples)
    values = np.arange(len(seen.film))
    brightest = int(np.flatnonzero(seen.film)[-1]).bit_length()
    for bits in reversed(_SAMPLE_BITS):
        shown = np.minimum(values >> (bits - 8), 255).astype(np.float64)
        if bits <= _depth(brightest) and fits(shown, seen):
            return _by_table(shown, samples)
    if brightest <= 8:
        return _by_table(shown, samples)  # of 8 bits; a letter beyond them is white
    return _by_table(between_percentiles(values.astype(np.float64), seen), samples)


def _by_table(shown: NDArray[np.float64], samples: NDArray[np.uint16]) -> Grey:
    table: Grey = np.rint(shown).astype(np.uint8)
    return table[samples]


def _depth(bits: int) -> int:
    return next(depth for depth in _SAMPLE_BITS if bits <= depth)


def _luma(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        image = image.convert("RGBA")
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image)
    return image.convert("RGB").convert("L")


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - a film with broken EXIF data is still a film
        return 1


def _upright(grey: Grey, orientation: int) -> Grey:
    """Undo an EXIF orientation (1 to 8, CIPA DC-008); other values mean upright."""
    turned = {
        2: lambda: grey[:, ::-1],
        3: lambda: grey[::-1, ::-1],
        4: lambda: grey[::-1],
        5: lambda: grey.T,
        6: lambda: grey.T[:, ::-1],
        7: lambda: grey.T[::-1, ::-1],
        8: lambda: grey.T[::-1],
    }.get(orientation)
    return np.ascontiguousarray(turned()) if turned else grey
