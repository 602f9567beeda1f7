"""The 95 % interval of a share (Wilson, 1927). Pure."""

import math
from dataclasses import dataclass

Z = 1.959964  # of the normal distribution: covers 95 %


@dataclass(frozen=True)
class Estimate:
    value: float
    low: float
    high: float


def wilson(hits: int, tries: int) -> Estimate:
    share, squared = hits / tries, Z * Z
    centre = (share + squared / (2 * tries)) / (1 + squared / tries)
    spread = share * (1 - share) / tries + squared / (4 * tries * tries)
    half = Z * math.sqrt(spread) / (1 + squared / tries)
    return Estimate(share, max(0.0, centre - half), min(1.0, centre + half))
