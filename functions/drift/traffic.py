"""Films a day by source: whether an export has stopped or thinned out. Pure."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drift.limits import CHANCE, DAY_SHARE, FEWEST_WEEKS, WEEK_SHARE, WEEKS

KEPT_DAYS = 7 * (WEEKS + 1)
MOST_SOURCES = 50
LONGEST_SOURCE = 100
OTHERS = "other folders"
ALL = "all films"  # stands beside the sources, which may be small each

Traffic = Mapping[str, Sequence[int]]  # by source: films of each day, the last one last


@dataclass(frozen=True)
class TooFew:
    """A source that sent fewer films than usual in its last day, or its last seven days."""

    source: str
    films: int
    usual: float
    days: int


def source_of(key: str) -> str:
    """Return the folder that a film was dropped into: a ward, a device, a site."""
    return key.partition("/")[0][:LONGEST_SOURCE] if "/" in key else ""


def with_day(before: Traffic, today: Mapping[str, int]) -> dict[str, list[int]]:
    """Return the traffic with one day more; beyond the largest sources the rest is one."""
    today = {**today, ALL: sum(today.values())}
    counted = {source: [*days, 0][-KEPT_DAYS:] for source, days in before.items()}
    for source, films in sorted(today.items(), key=lambda each: -each[1]):
        named = source if source in counted or len(counted) < MOST_SOURCES else OTHERS
        counted.setdefault(named, [0])[-1] += films
    return {source: days for source, days in counted.items() if source == ALL or any(days)}


def too_few(traffic: Traffic) -> list[TooFew]:
    """Return the sources whose last day, or else whose last seven days, held too few films."""
    found = []
    alone = len(traffic) == 2  # one source, and all films
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
    """Return how likely so few films are, or fewer, where `usual` come on average."""
    logarithm = math.log(usual)
    return math.fsum(
        math.exp(count * logarithm - usual - math.lgamma(count + 1)) for count in range(films + 1)
    )
