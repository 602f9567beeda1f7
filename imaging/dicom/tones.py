"""Turn stored samples into grey levels 0..255 by a table with an entry per bit pattern.

The table takes 10 ms and 7.5 MB, a calculation per pixel 200 ms and 60 MB of floats. The order is
DICOM's: modality LUT or rescale, VOI LUT or window, and last the inversion of MONOCHROME1, within
the range of the output. What a file says about its own tones is a hint: windows of another depth,
sign or unit are common. Each is tested against the film, and the first that shows the lungs is
used.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.header import Header, Lut
from imaging.dicom.samples import Layout, Samples, values_of
from imaging.grey import Grey
from imaging.tones import Floats, Histogram, between_percentiles, fits

MOST_PADDED = 0.02  # largest share of padding in the centre, since padding lies around a film
_FEWEST_ENTRIES = 2
_LEAST_WIDTH = 1e-6
_BLACK, _WHITE = 0.5, 254.5


@dataclass(frozen=True)
class Toned:
    """Grey levels, and the data for a reader's own window.

    `values` are those of each bit pattern, not a number for padding. `black` and `white` are those
    that the grey levels show so, as far as one line shows them.
    """

    grey: Grey
    steps: tuple[str, ...]  # what was done, for the record
    values: Floats
    black: float
    white: float


def to_grey(samples: Samples, header: Header, layout: Layout, seen: Histogram) -> Toned:
    """Return grey levels of the samples; `seen` is their histogram."""
    stored = values_of(layout, len(seen.film))
    padding = _padding(header, stored, layout, seen)
    unpadded = seen.without(padding)
    step, table = _voi(header, stored, unpadded)
    steps = [step]
    if header.photometric == "MONOCHROME1":
        # Files that also say INVERSE mean the same inversion, not a second one.
        table = 255 - table
        steps.append("inverted")
    elif header.lut_shape == "INVERSE":
        steps.append("INVERSE ignored")
    levels = np.rint(table).astype(np.uint8)
    levels[padding] = 0
    values = _modality_values(header, stored.astype(np.float64))
    present = np.flatnonzero(unpadded.film)
    black, white = _window(values[present], table[present])
    values[padding] = np.nan
    return Toned(levels[samples], tuple(steps), values, black, white)


def _window(values: Floats, shown: Floats) -> tuple[float, float]:
    """Return the values that are just black and just white, by a line through those between."""
    between = (shown > _BLACK) & (shown < _WHITE)
    if not between.any():
        return float(values.min(initial=0)), float(values.max(initial=1))
    dark, bright = np.argmin(np.where(between, shown, 255)), np.argmax(np.where(between, shown, 0))
    width = float(shown[bright] - shown[dark])
    slope = float(values[bright] - values[dark]) / width if width else 1.0
    black = float(values[dark]) - slope * float(shown[dark])
    return black, black + 255 * slope


def _padding(
    header: Header, stored: NDArray[np.int64], layout: Layout, seen: Histogram
) -> NDArray[np.bool_]:
    """Return the bit patterns of padding, if the file's statement about it can be true."""
    none = np.zeros(len(stored), np.bool_)
    if header.padding is None:
        return none
    low, high = sorted(_with_sign(value, layout) for value in header.padding)
    padding = (stored >= low) & (stored <= high)
    covered = seen.middle[padding].sum()
    return none if covered > MOST_PADDED * seen.middle.sum() else padding


def _with_sign(value: int, layout: Layout) -> int:
    """Return a number with the sign of the samples, which the file may have left out."""
    return value - 2**16 if layout.signed and value >= 2**15 else value


def _voi(header: Header, stored: NDArray[np.int64], seen: Histogram) -> tuple[str, Floats]:
    """Return the values to show as 0..255, and the steps taken to find them."""
    as_stored = stored.astype(np.float64)
    values = _modality_values(header, as_stored)
    for name, shown in _candidates(header, values, as_stored):
        if fits(shown, seen):
            return name, np.clip(shown, 0, 255)
    shown = between_percentiles(values, seen)
    if not fits(shown, seen) and fits(other := between_percentiles(as_stored, seen), seen):
        return "percentiles of stored values", other
    return "percentiles", shown


def _candidates(header: Header, values: Floats, as_stored: Floats) -> Iterator[tuple[str, Floats]]:
    """Yield the file's statements about its tones, likeliest reading first."""
    for lut in header.voi_luts:
        table = _table(lut, bool(values.min() < 0))
        if table is not None:
            yield "VOI LUT", table.of(values) * (255 / (2**table.bits - 1))
            # Many say 16 bits for entries that are merely stored in 16.
            yield "VOI LUT of fewer bits", table.of(values) * (255 / (2**table.used - 1))
    for center, width in header.windows:
        if width >= _LEAST_WIDTH:
            yield "window", _windowed(values, center, width, header.function)
    if not np.array_equal(values, as_stored):
        for center, width in header.windows:
            if width >= _LEAST_WIDTH:
                shown = _windowed(as_stored, center, width, header.function)
                yield "window of stored values", shown


def _modality_values(header: Header, stored: Floats) -> Floats:
    if header.modality_lut is not None:
        table = _table(header.modality_lut, bool(stored.min() < 0))
        if table is not None:
            return table.of(stored)
    return stored * (header.slope or 1.0) + (header.intercept or 0.0)


def _windowed(values: Floats, center: float, width: float, function: str) -> Floats:
    """Apply DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3, for an output of 0..255."""
    if function == "SIGMOID":
        return 255 / (1 + np.exp(np.clip(-4 * (values - center) / width, -700, 700)))
    if function == "LINEAR_EXACT" or width <= 1:
        return np.clip(((values - center) / width + 0.5) * 255, 0, 255)
    return np.clip(((values - (center - 0.5)) / (width - 1) + 0.5) * 255, 0, 255)


@dataclass(frozen=True)
class _Table:
    first: int
    bits: int  # number of entries, by the descriptor
    used: int  # bits of the largest entry, 8 at least
    entries: Floats

    def of(self, values: Floats) -> Floats:
        places = np.clip(np.rint(values) - self.first, 0, len(self.entries) - 1)
        found: Floats = self.entries[places.astype(np.int64)]
        return found


def _table(lut: Lut, signed: bool) -> _Table | None:
    """Return the table of a LUT; None if it contradicts itself."""
    length, first, bits = lut.descriptor
    length = length % 2**16 or 2**16
    first = first % 2**16
    if signed and first >= 2**15:
        first -= 2**16
    entries = _entries(lut.data, length, bits)
    if entries is None or len(entries) < _FEWEST_ENTRIES:
        return None
    used = max(8, int(entries.max()).bit_length())
    return _Table(first, bits if used <= bits <= 16 else used, used, entries)


def _entries(data: bytes | tuple[int, ...], length: int, bits: int) -> Floats | None:
    if isinstance(data, bytes):
        packed = bits == 8 and len(data) in (length, length + 1)
        found = np.frombuffer(data[: len(data) // 2 * 2], np.uint8 if packed else "<u2")
    else:
        found = np.array(data, np.int64) % 2**16
    return found[:length].astype(np.float64) if len(found) >= length else None
