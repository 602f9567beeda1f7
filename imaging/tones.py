"""Decide which tones show a film: tests of a table of grey levels against the film's samples.

Pure, on histograms: of all pixels, and of the central ones, where a chest film has its lungs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

PERCENTILES = (0.01, 99.99)  # the fallback if nothing else fits: little is clipped
MOST_CLIPPED = 0.08  # largest share of black or white in the centre for acceptable tones
FEWEST_LEVELS = 48  # least difference between the darkest and the brightest 5 % of the centre
MOST_OF_ONE_LEVEL = 0.9  # share of all pixels; if one level has more, the film is blank
LEAST_LEVELS = 12  # levels that make up a thousandth of the pixels each

_MIDDLE = 0.2  # from each edge
_MOST = (5.0, 95.0)  # percentiles: a burned-in letter may reach into the centre
# Percentiles for a film's range, and the margin on either side of it.
_RANGES = (("film", PERCENTILES, 0.0), ("middle", (0.1, 99.9), 0.25), ("middle", _MOST, 0.5))
_LOWEST_WIDTH = 1e-6
_ROWS_AT_A_TIME = 512
_MOST_COUNTED = 1_000_000  # pixels: enough for shares of a thousandth, and a few milliseconds


@dataclass(frozen=True)
class Histogram:
    """Number of pixels with each bit pattern, in the whole film and in its centre."""

    film: Counts
    middle: Counts

    @property
    def lungs(self) -> Counts:
        """Return the centre's; the whole film's if all of the centre is left out."""
        return self.middle if self.middle.any() else self.film

    def without(self, patterns: NDArray[np.bool_]) -> "Histogram":
        film, middle = self.film.copy(), self.middle.copy()
        film[patterns] = 0
        middle[patterns] = 0
        return Histogram(film, middle)


def histogram(samples: NDArray[np.unsignedinteger]) -> Histogram:
    """Count the bit patterns of 8-bit or 16-bit samples, [rows, columns], in some of the rows."""
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
    """Return whether the grey levels `shown` for each bit pattern show the centre of the film."""
    if not seen.lungs.any():
        return False
    clipped = seen.lungs[(shown <= 0.5) | (shown >= 254.5)].sum() / seen.lungs.sum()
    return bool(clipped <= MOST_CLIPPED) and _wide(shown, seen)


def between_percentiles(values: Floats, seen: Histogram) -> Floats:
    """Return grey levels 0..255 for each bit pattern, from the film's own range.

    If a bright letter or border leaves too few of them for the lungs, the range of the centre is
    used.
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
    """Return whether a film is nearly all one level, or has almost no levels."""
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
    # In strips: counting converts its input to 64 bits.
    for top in range(0, len(samples), _ROWS_AT_A_TIME):
        strip = samples[top : top + _ROWS_AT_A_TIME]
        counts += np.bincount(strip.ravel(), minlength=patterns)
    return counts
