"""An uploaded image file as grey levels, and those as the network wants them.

Training reads its films through the same two functions, so that a film looks the same to the
network in both. Memory is bounded: the size of an image is checked before any pixel is decoded, and
very large ones are decoded one after the other.
"""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

Grey: TypeAlias = NDArray[np.uint8]
_Kind: TypeAlias = type[JpegImageFile | PngImageFile]

MAX_PIXELS = 40_000_000  # twice the largest digitised chest film: 14 x 17 inch at 300 dpi
LARGE_PIXELS = 12_000_000
MIN_SIDE = 32
MAX_ASPECT = 10
MAX_SCANS = 100  # encoders write about 10; each one is a pass over the whole image

_JPEG = b"\xff\xd8\xff"
_PNG = b"\x89PNG\r\n\x1a\n"
_START_OF_SCAN = b"\xff\xda"
_ORIENTATION = 0x0112  # the EXIF tag
_ROWS_AT_A_TIME = 512
_SAMPLE_BITS = (8, 10, 12, 14, 16)
_decoding_a_large_one = threading.Lock()


class NotReadable(Exception):
    """Bytes that are no film; the message tells whoever sent them what is wrong and what to do."""


class UnsupportedFormat(NotReadable):
    """A file of another kind than those that are read."""


class TooLarge(NotReadable):
    """More pixels, or more work, than an X-ray has."""


def read_grey(data: bytes, smallest: int | None = None) -> Grey:
    """The film in a JPEG or PNG file as grey levels 0..255, uint8 [height, width], upright.

    Colour becomes luma (ITU-R 601), what is transparent becomes black, EXIF orientation is applied.
    A 16-bit grey PNG is scaled by the depth that its brightest sample needs (8, 10, 12, 14 or 16
    bits): detectors of 12 bits often leave their samples unscaled in 16.

    With `smallest`, a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, as long as both sides
    keep at least so many pixels: much faster, and enough for a network of that input.

    Raises NotReadable, of which UnsupportedFormat and TooLarge are special cases.
    """
    if not data:
        raise NotReadable("The file is empty. Upload the image again.")
    if data.startswith(_JPEG):
        kind: _Kind = JpegImageFile
    elif data.startswith(_PNG):
        kind = PngImageFile
    else:
        raise UnsupportedFormat(
            "The file is neither a JPEG nor a PNG image. Export the X-ray as JPEG or PNG."
        )
    with _blaming_the_file(kind):
        image = kind(io.BytesIO(data))
    _check_size(image.width, image.height)
    large = image.width * image.height > LARGE_PIXELS
    if isinstance(image, JpegImageFile):
        if image.info.get("progressive") and data.count(_START_OF_SCAN) > MAX_SCANS:
            raise TooLarge(
                f"The JPEG is stored in more than {MAX_SCANS} passes. "
                "Export the X-ray as an ordinary JPEG."
            )
        side = smallest or max(image.size)
        image.draft("L", (side, side))
    with _decoding_a_large_one if large else nullcontext():
        with _blaming_the_file(kind):
            image.load()
        grey = _grey_levels(image, kind)
    return _upright(grey, _orientation(image))


def network_input(grey: Grey, size: int) -> Grey:
    """Grey levels uint8 [height, width] -> uint8 [size, size]: stretched, antialiased bilinear."""
    film = Image.fromarray(grey).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(film)


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise TooLarge(
            f"The image has {width} x {height} pixels, and at most {MAX_PIXELS // 10**6} million "
            "are read. Export the X-ray at a smaller size."
        )
    if min(width, height) < MIN_SIDE:
        raise NotReadable(
            f"The image has {width} x {height} pixels, too few to be an X-ray: "
            f"each side needs at least {MIN_SIDE}. Upload the film at its full size."
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise NotReadable(
            f"The image has {width} x {height} pixels, too long and narrow to be an X-ray. "
            "Upload the whole film."
        )


@contextmanager
def _blaming_the_file(kind: _Kind) -> Iterator[None]:
    """What Pillow raises while it reads is about the file: there is no list of all it may be."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise NotReadable(
            f"The {kind.format} file is damaged, incomplete or of a rare kind. "
            f"Upload it again, or export the X-ray anew as an ordinary {kind.format}."
        ) from error


def _grey_levels(image: Image.Image, kind: _Kind) -> Grey:
    if image.mode == "L" and not image.has_transparency_data:
        return np.asarray(image)
    bits = _sample_bits(image) if image.mode == "I;16" else 8
    # In strips: each step between a large film and its grey levels would copy it whole.
    grey = np.empty((image.height, image.width), dtype=np.uint8)
    for top in range(0, image.height, _ROWS_AT_A_TIME):
        bottom = min(top + _ROWS_AT_A_TIME, image.height)
        strip = image.crop((0, top, image.width, bottom))
        if image.mode == "I;16":
            grey[top:bottom] = np.asarray(strip) >> (bits - 8)
        else:
            with _blaming_the_file(kind):
                strip = _luma(strip)
            grey[top:bottom] = np.asarray(strip)
    return grey


def _luma(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        image = image.convert("RGBA")
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image)
    return image.convert("RGB").convert("L")


def _sample_bits(image: Image.Image) -> int:
    brightest = int(np.max(image.getextrema()))
    return next(bits for bits in _SAMPLE_BITS if brightest.bit_length() <= bits)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - a film with broken EXIF data is still a film
        return 1


def _upright(grey: Grey, orientation: int) -> Grey:
    """Undo an EXIF orientation (1 to 8, CIPA DC-008); others count as upright."""
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
