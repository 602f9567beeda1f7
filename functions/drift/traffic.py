"""Films a day by source: detect that an export has stopped or sends fewer films. Pure."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drift.limits import CHANCE, DAY_SHARE, FEWEST_WEEKS, WEEK_SHARE, WEEKS

KEPT_DAYS = 7 * (WEEKS + 1)
MOST_SOURCES = 50
LONGEST_SOURCE = 100
OTHERS = "other folders"
ALL = "all films"  # all sources together, beside the single ones, which may be small

Traffic = Mapping[str, Sequence[int]]  # by source: films of each day, the last day last


@dataclass(frozen=True)
class TooFew:
    """A source with fewer films than usual on its last day, or in its last seven days."""

    source: str
    films: int
    usual: float
    days: int


def source_of(key: str) -> str:
    """Return the top folder of an upload: a ward, a device or a site."""
    return key.partition("/")[0][:LONGEST_SOURCE] if "/" in key else ""


def with_day(before: Traffic, today: Mapping[str, int]) -> dict[str, list[int]]:
    """Return the traffic with one more day; sources beyond the largest ones are merged into one."""
    today = {**today, ALL: sum(today.values())}
    counted = {source: [*days, 0][-KEPT_DAYS:] for source, days in before.items()}
    for source, films in sorted(today.items(), key=lambda each: -each[1]):
        named = source if source in counted or len(counted) < MOST_SOURCES else OTHERS
        counted.setdefault(named, [0])[-1] += films
    return {source: days for source, days in counted.items() if source == ALL or any(days)}


def too_few(traffic: Traffic) -> list[TooFew]:
    """Return the sources with too few films on the last day, or in the last seven days."""
    found = []
    alone = len(traffic) == 2  # each source, and all films
    for source, days in traffic.items():
        if alone and source != ALL:
            continue
        weekdays = list(days[-8::-7])
        weeks = [sum(days[end - 7 : end]) for end in range(len(days) - 7, 6, -7)]
        day = _too_few(TooFew(source, days[-1], _median(weekdays), 1))
        week = _too_few(TooFew(source, sum(days[-7:]), _median(weeks), 7))
        found += [each for each in (day or week,) if each]
    return found


def _median(before: Sequence[int]) -> float:
    return statistics.median(before) if len(before) >= FEWEST_WEEKS else 0.0


def _too_few(found: TooFew) -> TooFew | None:
    share = DAY_SHARE if found.days == 1 else WEEK_SHARE
    if found.films >= found.usual * share or _chance(found.films, found.usual) > CHANCE:
        return None
    return found


def _chance(films: int, usual: float) -> float:
    """Return the probability of so few films or fewer, if `usual` is the mean."""
    logarithm = math.log(usual)
    return math.fsum(
        math.exp(count * logarithm - usual - math.lgamma(count + 1)) for count in range(films + 1)
    )
