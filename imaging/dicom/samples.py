"""The stored samples of a film, decoded into an array of the size in the checked header.

A codec writes into that array, so a stream that claims another size is refused before it takes any
memory. Codecs are called by name, and never chosen by the contents of the stream.
"""

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from imaging.dicom.header import Header
from imaging.dicom.refused import Refused
from imaging.limits import check_size
from screening.refusals import Code

# Bit patterns as stored; unsigned whatever the header says.
Samples: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
_Decode: TypeAlias = Callable[..., Any]

PLAIN = frozenset(
    {
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    }
)
JPEGS: Mapping[str, _Decode] = {
    JPEGBaseline8Bit: imagecodecs.jpeg8_decode,
    JPEGExtended12Bit: imagecodecs.jpeg8_decode,
    JPEGLossless: imagecodecs.ljpeg_decode,
    JPEGLosslessSV1: imagecodecs.ljpeg_decode,
    JPEGLSLossless: imagecodecs.jpegls_decode,
    JPEGLSNearLossless: imagecodecs.jpegls_decode,
}
JPEG_2000S: Mapping[str, _Decode] = {
    JPEG2000Lossless: imagecodecs.jpeg2k_decode,
    JPEG2000: imagecodecs.jpeg2k_decode,
    HTJ2KLossless: imagecodecs.htj2k_decode,
    HTJ2KLosslessRPCL: imagecodecs.htj2k_decode,
    HTJ2K: imagecodecs.htj2k_decode,
}
LOSSY = frozenset({JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless, JPEG2000, HTJ2K})
_END = b"\xff\xd9"  # common to JPEG, JPEG-LS, JPEG 2000 and HTJ2K streams
_PADDING = b"\x00\xff"
_ITEM = b"\xfe\xff\x00\xe0"
_STARTS = (b"\xff\xd8", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  ")  # limit of a stream's header
_FEW = 0.002  # share of the pixels that may be a letter or compression ripples
_LOOKED_AT = 64  # lines that are used to detect the sign
_STEADIER = 0.6  # the other sign is right if it reduces the jumps to this share
_START_OF_2000 = re.compile(rb"\xff\x4f\xff\x51", re.DOTALL)
# Markers that begin a frame, SOF0 to SOF15 and that of JPEG-LS, and markers without a length.
_FRAMES = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})


@dataclass(frozen=True)
class Layout:
    """The storage of samples, first from the header, then corrected by the samples."""

    rows: int
    columns: int
    allocated: int
    stored: int
    high_bit: int
    signed: bool
    overlay_bits: bool  # whether bits above the stored ones may belong to an overlay


def read_layout(header: Header) -> Layout:
    """Return the header's layout; raise NotReadable for one that no radiograph has.

    If its numbers of bits contradict each other, the likeliest ones are taken; `fitting` tests
    them.
    """
    rows, columns, allocated = header.rows, header.columns, header.allocated
    if not rows or not columns or not allocated:
        raise Refused(Code.BROKEN)
    if (
        allocated not in (8, 16)
        or header.samples_per_pixel in (2, 3, 4)  # other numbers are mistakes
        or header.photometric not in ("MONOCHROME1", "MONOCHROME2")
    ):
        raise Refused(Code.KIND)
    check_size(columns, rows)
    stored = header.stored or allocated
    stored = stored if 1 < stored <= allocated else allocated
    high_bit = stored - 1 if header.high_bit is None else header.high_bit
    high_bit = high_bit if stored - 1 <= high_bit < allocated else stored - 1
    return Layout(rows, columns, allocated, stored, high_bit, header.signed, header.overlay_bits)


def fitting(layout: Layout, samples: Samples, counts: NDArray[np.int64]) -> Layout:
    """Return the layout that fits the samples, by the number of pixels with each bit pattern.

    Converters change depth or sign in the header without the samples, or the other way round. A few
    bright pixels beyond the depth, e.g. a burned-in letter, do not change the layout.
    """
    seen = np.flatnonzero(counts)
    if not len(seen):
        return layout
    unused = layout.high_bit + 1 - layout.stored
    if unused and bool((seen & (2**unused - 1)).any()):
        layout = replace(layout, high_bit=layout.stored - 1)  # not left-aligned after all
    above = seen >> (layout.high_bit + 1)
    if layout.signed:
        # The bits above the sign are copies of it, or all zero.
        signs = (seen >> layout.high_bit) & 1
        filled = 2 ** (8 * samples.itemsize - layout.high_bit - 1) - 1
        beyond = (above != 0) & ~((signs == 1) & (above == filled))
    else:
        beyond = above != 0
    share = counts[seen[beyond]].sum() / counts[seen].sum()
    if share > _FEW and not layout.overlay_bits:
        low = layout.high_bit + 1 - layout.stored
        needed = 8 * samples.itemsize if layout.signed else int(seen.max()).bit_length()
        layout = replace(layout, stored=needed - low, high_bit=needed - 1)
    return replace(layout, signed=_signed(layout, samples))


def values_of(layout: Layout, patterns: int) -> NDArray[np.int64]:
    """Return the value of each bit pattern."""
    values = np.arange(patterns) >> (layout.high_bit + 1 - layout.stored)
    values &= 2**layout.stored - 1
    if layout.signed:
        values[values >= 2 ** (layout.stored - 1)] -= 2**layout.stored
    return values


def _signed(layout: Layout, samples: Samples) -> bool:
    """Return whether the samples are signed: the wrong sign makes a film jump between extremes."""
    lines = samples[:: max(1, len(samples) // _LOOKED_AT)]
    patterns = 2 ** (8 * samples.itemsize)
    jumps = {}
    for signed in (False, True):
        table = values_of(replace(layout, signed=signed), patterns)
        jumps[signed] = float(np.abs(np.diff(table[lines], axis=1)).mean()) if lines.size else 0.0
    other = not layout.signed
    return other if jumps[other] < _STEADIER * jumps[layout.signed] else layout.signed


def decode(header: Header, layout: Layout) -> Samples:
    """Return the samples of the only frame, [rows, columns]."""
    syntax = header.syntax
    if syntax in PLAIN:
        return _plain(header, layout)
    if not (syntax in JPEGS or syntax in JPEG_2000S or syntax == RLELossless):
        raise Refused(Code.KIND)
    stream = fragments_of(header.pixels)
    if syntax == RLELossless:
        return _of_runs(stream, layout)
    end = stream.rfind(_END)
    if end < 0 or stream[end + len(_END) :].strip(_PADDING):
        raise Refused(Code.BROKEN)  # most codecs would silently decode half a film
    jpeg_2000 = syntax in JPEG_2000S
    height, width, precision, signed = _of_2000(stream) if jpeg_2000 else _of_jpeg(stream)
    if (height, width) != (layout.rows, layout.columns) or not 2 <= precision <= 16:
        raise Refused(Code.BROKEN)
    decoder = JPEG_2000S[syntax] if jpeg_2000 else JPEGS[syntax]
    bits = 8 if precision <= 8 else 16
    samples = np.empty((height, width), f"{'' if signed else 'u'}int{bits}")
    decoder(stream, out=samples)
    stored = samples.view(f"uint{bits}")
    if syntax in LOSSY and not signed and precision > layout.stored:
        # Lossy compression can lift white a little over the maximum, and its bits would be those of
        # black.
        most = 2**layout.stored - 1
        if float((stored > most).mean()) <= _FEW:
            np.minimum(stored, most, out=stored)
    return _as_stored(stored, layout)


def fragments_of(pixels: bytes) -> bytes:
    """Return the only frame's fragments, joined, whatever the offset table says."""
    items, place = [], 0
    while pixels[place : place + 4] == _ITEM:
        (length,) = struct.unpack_from("<I", pixels, place + 4)
        place += 8
        items.append(pixels[place : place + length])
        place += length
    # The first item is the table, unless the writer omitted it.
    if len(items) > 1 and not items[0].startswith(_STARTS):
        items = items[1:]
    if not items:
        raise Refused(Code.BROKEN)
    return b"".join(items)


def _of_runs(stream: bytes, layout: Layout) -> Samples:
    """Decode DICOM's run lengths: a segment for each byte of the samples, highest first."""
    count, *offsets = struct.unpack_from("<16I", stream)
    planes = layout.allocated // 8
    if count != planes:
        raise Refused(Code.BROKEN)
    ends = [*offsets[1:planes], len(stream)]
    plane = np.empty(layout.rows * layout.columns, np.uint8)
    samples = np.zeros_like(plane, dtype=np.uint16)
    for start, end in zip(offsets[:planes], ends, strict=True):
        if len(imagecodecs.packbits_decode(stream[start:end], out=plane.data)) != len(plane):
            raise Refused(Code.BROKEN)
        np.left_shift(samples, 8, out=samples)
        np.bitwise_or(samples, plane, out=samples)
    found: Samples = samples if planes > 1 else plane
    return found.reshape(layout.rows, layout.columns)


def _as_stored(samples: Samples, layout: Layout) -> Samples:
    """Shift a stream's samples from the low bits to the bits that the header names."""
    shift = layout.high_bit + 1 - layout.stored
    return np.left_shift(samples, shift, out=samples)


def _plain(header: Header, layout: Layout) -> Samples:
    size = layout.rows * layout.columns * layout.allocated // 8
    pixels = header.pixels
    if len(pixels) < size:
        raise Refused(Code.BROKEN)
    big = header.syntax == ExplicitVRBigEndian
    if layout.allocated == 16:
        samples = np.frombuffer(pixels, ">u2" if big else "<u2", count=size // 2)
        samples = samples.astype(np.uint16, copy=False)
    else:
        whole = np.frombuffer(pixels, np.uint8)
        # Words of two samples, each swapped.
        swapped = big and header.pixel_words and not len(whole) % 2
        samples = (whole.view(np.uint16).byteswap().view(np.uint8) if swapped else whole)[:size]
    return samples.reshape(layout.rows, layout.columns)


def _of_jpeg(stream: bytes) -> tuple[int, int, int, bool]:
    """Return height, width and precision of a JPEG or JPEG-LS stream; its samples are unsigned."""
    place = 2
    while stream[place : place + 1] == b"\xff":
        marker = stream[place + 1]
        if marker in _FRAMES:
            precision, height, width, components = struct.unpack_from(">BHHB", stream, place + 4)
            if components != 1:
                raise Refused(Code.KIND)
            return height, width, precision, False
        if marker in _BARE:
            place += 2
        elif marker == 0xFF:
            place += 1
        else:
            place += 2 + struct.unpack_from(">H", stream, place + 2)[0]
    raise Refused(Code.BROKEN)


def _of_2000(stream: bytes) -> tuple[int, int, int, bool]:
    """Return height, width, precision and signedness of a JPEG 2000 stream."""
    start = _START_OF_2000.search(stream, 0, 4096)
    if start is None:
        raise Refused(Code.BROKEN)
    right, bottom, left, top = struct.unpack_from(">4I", stream, start.start() + 8)
    components, depth = struct.unpack_from(">HB", stream, start.start() + 40)
    if components != 1:
        raise Refused(Code.KIND)
    return bottom - top, right - left, (depth & 0x7F) + 1, bool(depth & 0x80)
