"""The Bernoulli CUSUM: whether a share has moved since a reference. Pure.

Each event adds the logarithm of how much likelier it is under the suspected share than under the
usual one; the level never falls below 0. It stays above its limit as long as the change lasts, and
is capped a little above it, so that it comes down soon after the change is over.
"""

import math
from dataclasses import dataclass

_HEADROOM = 4.0


@dataclass(frozen=True)
class Steps:
    """What an event that belongs to the share adds to the level, and one that does not."""

    hit: float
    miss: float

    def follow(self, level: float, hit: bool, limit: float) -> float:
        return min(max(0.0, level + (self.hit if hit else self.miss)), limit + _HEADROOM)


def steps(usual: float, odds: float) -> Steps:
    """Return the steps that suspect a share whose odds are `odds` times the usual ones."""
    suspected = usual * odds / (1 - usual + usual * odds)
    return Steps(math.log(suspected / usual), math.log((1 - suspected) / (1 - usual)))


def usual_share(hits: int, events: int, errors: float = 0.0) -> float:
    """Return the share of a reference, or so many standard errors above it (below, if negative).

    It is never 0 or 1, however few the events are.
    """
    share = (hits + 1) / (events + 2)
    moved = share + errors * math.sqrt(share * (1 - share) / events)
    least = 1 / (events + 2)
    return min(max(moved, least), 1 - least)
