"""A DICOM film in its full depth, for readers who choose the window themselves.

Browsers show 8 bits of a PNG, even of a 16-bit one. So each value is split into two channels, the
higher byte in the red one and the lower byte in the green one, and the page combines them; a text
in the PNG describes the values.
"""

import io
import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from imaging.dicom.header import Header
from imaging.dicom.samples import Samples
from imaging.tones import Floats

SHORT_SIDE = 2048  # about what a screen for films shows; four times the pixels of a rendition
TEXT = "cxr-alert"  # the keyword of the text
_COMPRESSION = 1  # three times as fast as the default
_MOST = 2**16 - 1


@dataclass(frozen=True)
class Deep:
    """Samples, the value of each bit pattern, and the values of black and white.

    In a film that is stored inverted, black is the higher one.
    """

    samples: Samples
    values: Floats
    black: float
    white: float


def picture_of(deep: Deep, header: Header) -> bytes:
    """Return the film as a PNG with square pixels and a short side of at most SHORT_SIDE."""
    levels, low, step = _levels(deep)
    film = levels[deep.samples]
    height, width = film.shape
    tall, wide = _square(header.pixel_ratio)
    scale = min(1.0, SHORT_SIDE / min(height * tall, width * wide))
    size = (max(1, round(width * wide * scale)), max(1, round(height * tall * scale)))
    if size != (width, height):
        image = Image.fromarray(film.astype(np.float32))
        film = np.rint(np.asarray(image.resize(size, Image.Resampling.BILINEAR)))
    film = np.clip(film, 0, _MOST).astype(np.uint16)
    channels = np.zeros((*film.shape, 3), np.uint8)
    channels[..., 0] = film >> 8
    channels[..., 1] = film & 255
    text = {
        "low": low,
        "step": step,
        "black": deep.black,
        "white": deep.white,
        "mm": header.pixel_mm[1] * width / size[0] if header.pixel_mm else None,
        "calibrated": header.calibrated,
    }
    about = PngInfo()
    about.add_text(TEXT, json.dumps(text))
    file = io.BytesIO()
    image = Image.fromarray(channels)
    image.save(file, "PNG", compress_level=_COMPRESSION, pnginfo=about)
    return file.getvalue()


def _levels(deep: Deep) -> tuple[NDArray[np.uint16], float, float]:
    """Return a 16-bit level for each bit pattern, the value of level 0, and that of a step."""
    present = np.zeros(len(deep.values), np.bool_)
    present[deep.samples] = True
    number = np.isfinite(deep.values)
    values = deep.values[present & number]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    finest = float(np.diff(np.unique(deep.values[number])).min(initial=high - low))
    step = max(finest, (high - low) / _MOST) or 1.0
    outside = high if deep.black > deep.white else low  # padding is black
    levels = np.rint((np.nan_to_num(deep.values, nan=outside) - low) / step)
    return np.clip(levels, 0, _MOST).astype(np.uint16), low, step


def _square(ratio: float | None) -> tuple[float, float]:
    """Return the factors that stretch height or width to square pixels."""
    if ratio is None:
        return 1.0, 1.0
    return (ratio, 1.0) if ratio > 1 else (1.0, 1 / ratio)
