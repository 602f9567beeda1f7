"""Pixels without metadata, for training sets and exports."""

import io
import struct
from collections.abc import Iterator

from PIL import Image

from imaging.readers import read_grey
from imaging.refusals import NotReadable
from screening.formats import Format, format_of

_ORIENTATION = 0x0112  # the EXIF tag
# JPEG markers: 0xD8 and 0xD9 begin and end an image, 0xDA begins its data.
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_JFIF, _ADOBE = b"JFIF\0", b"Adobe"  # tags that define the colours
_JFIF_BYTES = 16  # without a thumbnail
_PNG_SIGNATURE_BYTES = 8
_PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"sBIT", b"gAMA"})


def bare(data: bytes) -> bytes:
    """Return the film in an image file without anything that identifies the patient.

    Tags, texts and comments are removed. JPEG and PNG keep their pixels bit for bit, except a film
    that EXIF rotates: it becomes an upright PNG, as does a DICOM film, in the grey levels that are
    screened. Raises NotReadable.
    """
    as_it_is = format_of(data) in (Format.JPEG, Format.PNG) and _upright(data)
    if as_it_is and (kept := stripped(data)):
        return kept
    saved = io.BytesIO()
    Image.fromarray(read_grey(data)).save(saved, "PNG")
    return saved.getvalue()


def stripped(data: bytes) -> bytes:
    """Return a JPEG or PNG file with only the segments that pixels need; empty if malformed."""
    return b"".join(_jpeg(data) if format_of(data) is Format.JPEG else _png(data))


def _upright(data: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            return bool(image.getexif().get(_ORIENTATION, 1) == 1)
    except Exception as error:  # Pillow raises many kinds of errors for a damaged file
        raise NotReadable("The file is damaged or incomplete. Export the film again.") from error


def _jpeg(data: bytes) -> Iterator[bytes]:
    """Return the segments that pixels need; nothing if the file is malformed."""
    kept, at = [data[:2]], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill
            at += 1
            continue
        (length,) = struct.unpack(">H", data[at + 2 : at + 4])
        segment = data[at : at + 2 + length]
        at += 2 + length
        if marker == _SCAN:
            end = _end_of_scan(data, at)
            kept += [segment, data[at:end]]
            at = end
            if data[at : at + 2] == bytes((0xFF, _END)):
                yield from kept
                yield data[at : at + 2]
                return
        elif _is_needed(marker, segment):
            kept.append(segment)


def _is_needed(marker: int, segment: bytes) -> bool:
    if marker == 0xFE:  # a comment
        return False
    if not 0xE0 <= marker <= 0xEF:
        return True
    body = segment[4:]
    return (marker == 0xE0 and body.startswith(_JFIF) and len(segment) == _JFIF_BYTES + 2) or (
        marker == 0xEE and body.startswith(_ADOBE) and len(segment) <= _JFIF_BYTES
    )


def _end_of_scan(data: bytes, at: int) -> int:
    """Return the position of the next marker that is not part of the scan's data."""
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        following = data[at + 1]
        if following != 0 and not 0xD0 <= following <= 0xD7 and following != 0xFF:
            return at
        at += 1 if following == 0xFF else 2
    return len(data)


def _png(data: bytes) -> Iterator[bytes]:
    """Return the chunks that pixels need; nothing if the file is truncated."""
    kept, at = [data[:_PNG_SIGNATURE_BYTES]], _PNG_SIGNATURE_BYTES
    while at + 12 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        name = data[at + 4 : at + 8]
        if name in _PNG_KEPT:
            kept.append(data[at : at + 12 + length])
        at += 12 + length
        if name == b"IEND":
            yield from kept
            return
