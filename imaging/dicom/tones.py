"""From stored samples to grey levels 0..255, by one table of an entry for each bit pattern.

The table does in 10 ms and 7.5 MB what pixel by pixel took 200 ms and 60 MB of floats. The order is
DICOM's: modality LUT or rescale, VOI LUT or window, and last the inversion of MONOCHROME1, within
the range of the output.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.dicom.header import every, first, number, text
from imaging.dicom.samples import Layout, Samples
from imaging.grey import Grey

PERCENTILES = (0.1, 99.9)  # what is shown where the file does not say
FEWEST_LEVELS = 16  # a window that shows fewer does not fit the film

_ROWS_AT_A_TIME = 512
_LOWEST_WIDTH = 1e-6


@dataclass(frozen=True)
class Toned:
    grey: Grey
    steps: tuple[str, ...]  # what was done, for the record


def to_grey(samples: Samples, dataset: Dataset, layout: Layout) -> Toned:
    counts = _count(samples)
    stored = _stored_values(layout, len(counts))
    padding = _padding(dataset, stored, layout)
    counts[padding] = 0
    values = _modality_values(dataset, stored, layout)
    step, table = _voi(dataset, values, counts, layout)
    steps = [step]
    inverse = text(dataset, "PresentationLUTShape") == "INVERSE"
    if text(dataset, "PhotometricInterpretation") == "MONOCHROME1":
        # Files that say INVERSE as well mean the same inversion, not a second one.
        table = 255 - table
        steps.append("inverted")
    elif inverse:
        steps.append("INVERSE ignored")
    levels = np.rint(table).astype(np.uint8)
    levels[padding] = 0
    return Toned(levels[samples], tuple(steps))


def _count(samples: Samples) -> NDArray[np.int64]:
    """How many pixels have each bit pattern."""
    patterns = 2 ** (8 * samples.itemsize)
    counts = np.zeros(patterns, np.int64)
    # In strips: counting turns what it counts into 64 bits.
    for top in range(0, len(samples), _ROWS_AT_A_TIME):
        strip = samples[top : top + _ROWS_AT_A_TIME]
        counts += np.bincount(strip.ravel(), minlength=patterns)
    return counts


def _stored_values(layout: Layout, patterns: int) -> NDArray[np.int64]:
    """The value that each bit pattern stands for."""
    values = np.arange(patterns) >> (layout.high_bit + 1 - layout.stored)
    values &= 2**layout.stored - 1
    if layout.signed:
        values[values >= 2 ** (layout.stored - 1)] -= 2**layout.stored
    return values


def _padding(dataset: Dataset, stored: NDArray[np.int64], layout: Layout) -> NDArray[np.bool_]:
    padding, limit = number(dataset, "PixelPaddingValue"), number(dataset, "PixelPaddingRangeLimit")
    if padding is None:
        return np.zeros(len(stored), np.bool_)
    ends = (padding, padding if limit is None else limit)
    low, high = sorted(_signed(value, layout) for value in ends)
    return (stored >= low) & (stored <= high)


def _signed(value: int, layout: Layout) -> int:
    """A number that a file may give without the sign of its samples."""
    return value - 2**16 if layout.signed and value >= 2**15 else value


def _modality_values(
    dataset: Dataset, stored: NDArray[np.int64], layout: Layout
) -> NDArray[np.float64]:
    if table := _table(first(dataset, "ModalityLUTSequence"), layout.signed):
        return table.of(stored.astype(np.float64))
    slope, intercept = _real(dataset, "RescaleSlope"), _real(dataset, "RescaleIntercept")
    values = stored.astype(np.float64)
    return values * (slope or 1.0) + (intercept or 0.0)


def _voi(
    dataset: Dataset, values: NDArray[np.float64], counts: NDArray[np.int64], layout: Layout
) -> tuple[str, NDArray[np.float64]]:
    """The values to show as 0..255, and what was done to find them."""
    if table := _table(first(dataset, "VOILUTSequence"), bool(values.min() < 0)):
        shown = table.of(values) * (255 / (2**table.bits - 1))
        if _shows_enough(shown, counts):
            return "VOI LUT", np.clip(shown, 0, 255)
    for center, width in _windows(dataset):
        shown = _windowed(values, center, width, text(dataset, "VOILUTFunction"))
        if _shows_enough(shown, counts):
            return "window", shown
    low, high = _percentiles(values, counts)
    span = max(high - low, _LOWEST_WIDTH)
    return "percentiles", np.clip((values - low) * (255 / span), 0, 255)


def _windows(dataset: Dataset) -> list[tuple[float, float]]:
    """The first window, if it is one."""
    pairs = list(zip(_reals(dataset, "WindowCenter"), _reals(dataset, "WindowWidth"), strict=False))
    return [(center, width) for center, width in pairs[:1] if width > 0]


def _windowed(
    values: NDArray[np.float64], center: float, width: float, function: str | None
) -> NDArray[np.float64]:
    """DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3, for an output of 0..255."""
    if function == "SIGMOID":
        return 255 / (1 + np.exp(np.clip(-4 * (values - center) / width, -700, 700)))
    if function == "LINEAR_EXACT" or width <= 1:
        return np.clip(((values - center) / width + 0.5) * 255, 0, 255)
    return np.clip(((values - (center - 0.5)) / (width - 1) + 0.5) * 255, 0, 255)


def _shows_enough(shown: NDArray[np.float64], counts: NDArray[np.int64]) -> bool:
    levels = np.unique(np.rint(np.clip(shown[counts > 0], 0, 255)))
    return len(levels) >= min(FEWEST_LEVELS, int(np.count_nonzero(counts)))


def _percentiles(values: NDArray[np.float64], counts: NDArray[np.int64]) -> tuple[float, float]:
    seen = np.flatnonzero(counts)
    if not len(seen):
        return 0.0, 0.0
    order = seen[np.argsort(values[seen], kind="stable")]
    passed = np.cumsum(counts[order])
    low, high = np.searchsorted(passed, np.array(PERCENTILES) / 100 * passed[-1])
    return float(values[order[low]]), float(values[order[min(high, len(order) - 1)]])


@dataclass(frozen=True)
class _Table:
    first: int
    bits: int
    entries: NDArray[np.float64]

    def of(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        places = np.clip(np.rint(values) - self.first, 0, len(self.entries) - 1)
        found: NDArray[np.float64] = self.entries[places.astype(np.int64)]
        return found


def _table(item: Any, signed: bool) -> _Table | None:  # noqa: ANN401
    """The LUT in a sequence's item; None where there is none, or where it contradicts itself."""
    if not isinstance(item, Dataset):
        return None
    descriptor = [int(value) for value in every(item, "LUTDescriptor")]
    if len(descriptor) != 3:
        return None
    length, start, bits = descriptor
    length = length % 2**16 or 2**16
    start = start % 2**16
    if signed and start >= 2**15:
        start -= 2**16
    entries = _entries(item.get("LUTData"), length, bits)
    if not 8 <= bits <= 16 or entries is None or float(entries.max()) >= 2**bits:
        return None
    return _Table(start, bits, entries)


def _entries(data: Any, length: int, bits: int) -> NDArray[np.float64] | None:  # noqa: ANN401
    if isinstance(data, bytes):
        packed = bits == 8 and len(data) in (length, length + 1)
        found = np.frombuffer(data[: len(data) // 2 * 2], np.uint8 if packed else "<u2")
    elif isinstance(data, Sequence):
        found = np.array(data, np.int64) % 2**16
    else:
        return None
    return found[:length].astype(np.float64) if len(found) >= length else None


def _real(dataset: Dataset, keyword: str) -> float | None:
    values = _reals(dataset, keyword)
    return values[0] if values else None


def _reals(dataset: Dataset, keyword: str) -> list[float]:
    """The numbers of a tag; none of them where one is no finite number."""
    try:
        values = [float(value) for value in every(dataset, keyword)]
    except (TypeError, ValueError):
        return []
    return values if all(math.isfinite(value) and abs(value) < 1e9 for value in values) else []
