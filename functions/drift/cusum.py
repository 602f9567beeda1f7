"""The Bernoulli CUSUM, which detects that a share has moved from a reference. Pure.

Each event adds the log-likelihood ratio of the suspected share to the reference share; the level
never falls below 0. The level stays above its limit while the change lasts, and is capped a little
above it, so that it falls soon after the change ends.
"""

import math
from dataclasses import dataclass

_HEADROOM = 4.0


@dataclass(frozen=True)
class Steps:
    """The gain of the level for an event that counts towards the share, and for any other."""

    hit: float
    miss: float

    def follow(self, level: float, hit: bool, limit: float) -> float:
        return min(max(0.0, level + (self.hit if hit else self.miss)), limit + _HEADROOM)


def steps(usual: float, odds: float) -> Steps:
    """Return the steps for a suspected share with `odds` times the odds of the reference share."""
    suspected = usual * odds / (1 - usual + usual * odds)
    return Steps(math.log(suspected / usual), math.log((1 - suspected) / (1 - usual)))


def usual_share(hits: int, events: int, errors: float = 0.0) -> float:
    """Return the share in a reference, shifted by a number of standard errors.

    It is never 0 or 1, even with few events.
    """
    share = (hits + 1) / (events + 2)
    moved = share + errors * math.sqrt(share * (1 - share) / events)
    least = 1 / (events + 2)
    return min(max(moved, least), 1 - least)
