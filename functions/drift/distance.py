"""The Kolmogorov-Smirnov distance between two samples of probabilities. Pure."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Distance:
    """The largest gap between the two distributions, and its position.

    `above`: a larger share of the recent films lies above that probability.
    """

    value: float
    at: float
    above: bool


def distance(reference: Sequence[float], recent: Sequence[float]) -> Distance:
    first, last = sorted(reference), sorted(recent)
    found = Distance(0.0, 0.0, above=False)
    for probability in sorted({*first, *last}):
        gap = bisect_right(first, probability) / len(first)
        gap -= bisect_right(last, probability) / len(last)
        if abs(gap) > found.value:
            found = Distance(abs(gap), probability, above=gap > 0)
    return found
