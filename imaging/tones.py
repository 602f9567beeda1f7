"""Which tones show a film: tests of a table of grey levels against the film's own samples.

Pure, on histograms: of all pixels, and of those in the middle, where a chest film has its lungs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

PERCENTILES = (0.01, 99.99)  # what is shown where nothing else fits: little is clipped
MOST_CLIPPED = 0.08  # of the pixels in the middle: black or white by a tone that fits
FEWEST_LEVELS = 48  # of 255, between the darkest and the brightest 5 % of the middle
MOST_OF_ONE_LEVEL = 0.9  # of all pixels; what has more of one level shows nothing
LEAST_LEVELS = 12  # that make up a thousandth of the pixels each

_MIDDLE = 0.2  # from each edge
_MOST = (5.0, 95.0)  # percentiles: a burned-in letter may reach into the middle
# Where to take a film's range from, and how much room to leave on either side of it.
_RANGES = (("film", PERCENTILES, 0.0), ("middle", (0.1, 99.9), 0.25), ("middle", _MOST, 0.5))
_LOWEST_WIDTH = 1e-6
_ROWS_AT_A_TIME = 512
_MOST_COUNTED = 1_000_000  # pixels: enough for shares of a thousandth, and a few milliseconds


@dataclass(frozen=True)
class Histogram:
    """How many pixels have each bit pattern: of the whole film, and of its middle."""

    film: Counts
    middle: Counts

    @property
    def lungs(self) -> Counts:
        """Of the middle; of the whole film where all of the middle is left out."""
        return self.middle if self.middle.any() else self.film

    def without(self, patterns: NDArray[np.bool_]) -> "Histogram":
        film, middle = self.film.copy(), self.middle.copy()
        film[patterns] = 0
        middle[patterns] = 0
        return Histogram(film, middle)


def histogram(samples: NDArray[np.unsignedinteger]) -> Histogram:
    """Count the bit patterns of samples of 8 or 16 bits, [rows, columns]; of some rows of many."""
    patterns = 2 ** (8 * samples.itemsize)
    samples = _some_rows(samples)
    rows, columns = samples.shape
    top, left = int(rows * _MIDDLE), int(columns * _MIDDLE)
    middle = _count(samples[top : rows - top, left : columns - left], patterns)
    around = (
        samples[:top],
        samples[rows - top :],
        samples[top : rows - top, :left],
        samples[top : rows - top, columns - left :],
    )
    film = sum((_count(part, patterns) for part in around), middle)
    return Histogram(film, middle)


def fits(shown: Floats, seen: Histogram) -> bool:
    """Whether the grey levels `shown` for each bit pattern show the middle of the film."""
    if not seen.lungs.any():
        return False
    clipped = seen.lungs[(shown <= 0.5) | (shown >= 254.5)].sum() / seen.lungs.sum()
    return bool(clipped <= MOST_CLIPPED) and _wide(shown, seen)


def between_percentiles(values: Floats, seen: Histogram) -> Floats:
    """Grey levels 0..255 for each bit pattern, from the film's own range.

    Where a bright letter or border leaves too little of that for the lungs, from the middle's.
    """
    shown = np.zeros(len(values))
    for part, percents, room in _RANGES:
        counts = getattr(seen, part)
        present = np.flatnonzero(counts)
        if not len(present):
            continue
        low, high = _quantiles(values[present], counts[present], percents)
        margin = room * (high - low)
        span = max(high - low + 2 * margin, _LOWEST_WIDTH)
        shown = np.clip((values - (low - margin)) * (255 / span), 0, 255)
        if _wide(shown, seen):
            break
    return shown


def shows_nothing(grey: NDArray[np.uint8]) -> bool:
    """Whether a film of grey levels is nearly all one level, or has next to no levels."""
    counts = np.bincount(_some_rows(grey).ravel(), minlength=256)
    total = counts.sum()
    common = np.count_nonzero(counts >= total / 1000)
    return bool(counts.max() > MOST_OF_ONE_LEVEL * total or common < LEAST_LEVELS)


def _wide(shown: Floats, seen: Histogram) -> bool:
    present = np.flatnonzero(seen.lungs)
    low, high = _quantiles(shown[present], seen.lungs[present], _MOST)
    return high - low >= FEWEST_LEVELS


def _quantiles(
    values: Floats, weights: Counts, percents: tuple[float, float]
) -> tuple[float, float]:
    order = np.argsort(values, kind="stable")
    passed = np.cumsum(weights[order])
    low, high = np.searchsorted(passed, np.array(percents) / 100 * passed[-1])
    return float(values[order[low]]), float(values[order[min(high, len(order) - 1)]])


def _some_rows(pixels: NDArray[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
    return pixels[:: 1 + pixels.size // _MOST_COUNTED]


def _count(samples: NDArray[np.unsignedinteger], patterns: int) -> Counts:
    counts = np.zeros(patterns, np.int64)
    # In strips: counting turns what it counts into 64 bits.
    for top in range(0, len(samples), _ROWS_AT_A_TIME):
        strip = samples[top : top + _ROWS_AT_A_TIME]
        counts += np.bincount(strip.ravel(), minlength=patterns)
    return counts
