"""`python -m benchmarks.drift`: the delay until drift is detected, for docs/reliability.md.

It simulates a year at sites of 20, 50 and 500 films a day, unchanged and with six changes, with the
function's own rules. Films are drawn from the shipped network's answers for held-out films
(`benchmarks/drift_films.json`), mixed to its own prevalence.
"""

import argparse
import math
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from benchmarks.drift_films import ADULT, UNCHANGED, Answer, pools
from drift.rules import Counted, Film, Reading, count_day
from drift.state import State

PREVALENCE = 0.19
CUTOFF, NETWORK = "0.1", "shipped"
MACHINES = ("room 1", "room 2", "room 3")
OTHER_PICTURES = 0.01  # share of films rejected as not_chest, which every site sends
READ = 0.5  # share of positives, confirmed by readers who are right
WEEKEND = 0.5  # films of a Saturday or Sunday, by those of a weekday
SITES = (20, 50, 500)
DAYS, CHANGED_ON, WATCHED = 365, 120, 90
BEGIN = date(2026, 1, 5)  # a Monday


@dataclass(frozen=True)
class Change:
    """The change of the films from one day on: of those of `machines`, or of all."""

    name: str
    rendering: str = UNCHANGED
    machines: int = len(MACHINES)
    prevalence: float = PREVALENCE
    volume: float = 1.0
    adults: float = 0.0


NOTHING = Change("unchanged")
CHANGES = (
    Change("one of three machines inverts", "inverted", 1),
    Change("one of three machines crops a tenth", "cut all around", 1),
    Change("prevalence doubled", prevalence=2 * PREVALENCE),
    Change("exports halved", volume=0.5),
    Change("every fourth film is an adult's", adults=0.25),
    Change("a renderer clips the greys", "ends of the greys clipped"),
)


class Site:
    def __init__(self, films_a_day: int, change: Change, seed: str) -> None:
        self._random = Random(seed)  # noqa: S311 - the same site each time
        self._weekday = films_a_day * 7 / (5 + 2 * WEEKEND)
        self._change = change

    def day(self, number: int, change: Change) -> Counted:
        draw, when = self._random, BEGIN + timedelta(days=number)
        mean = self._weekday * change.volume * (WEEKEND if when.weekday() > 4 else 1)
        films, readings = [], []
        for _ in range(_poisson(draw, mean)):
            machine = draw.randrange(len(MACHINES))
            ill = draw.random() < change.prevalence
            found = _films(change.rendering if machine < change.machines else UNCHANGED)
            if draw.random() < OTHER_PICTURES:
                films.append(_OTHER[machine])
                continue
            if change.adults and draw.random() < change.adults:
                found, ill = _films(ADULT), False
            film = draw.choice(found[machine][ill])
            films.append(film)
            if film.positive and draw.random() < READ:
                readings.append(Reading(NETWORK, ill))
        return Counted(when.isoformat(), films, readings)

    def states(self, days: int) -> Iterator[State]:
        state = State(through="")
        for number in range(days):
            change = self._change if number >= CHANGED_ON else NOTHING
            state = count_day(state, self.day(number, change))
            yield state


_OTHER = [Film(f"{machine}/a", CUTOFF, code="not_chest") for machine in MACHINES]
_made: dict[str, list[tuple[list[Film], list[Film]]]] = {}


def _films(rendering: str) -> list[tuple[list[Film], list[Film]]]:
    """Return the films of each machine, with and without pneumonia."""
    if rendering not in _made:
        pool = pools()[rendering]
        _made[rendering] = [
            ([_film(machine, each) for each in pool.healthy], [_film(machine, e) for e in pool.ill])
            for machine in MACHINES
        ]
    return _made[rendering]


def _film(machine: str, answer: Answer) -> Film:
    if answer.code:
        return Film(f"{machine}/a", CUTOFF, code=answer.code)
    return Film(f"{machine}/a", CUTOFF, answer.probability, NETWORK)


def _poisson(draw: Random, mean: float) -> int:
    """Return the number of events of a Poisson process in one day."""
    count, at = 0, draw.expovariate(mean)
    while at < 1:
        count, at = count + 1, at + draw.expovariate(mean)
    return count


def unchanged_year(films_a_day: int, seed: int) -> list[str]:
    """Return the signals of an unchanged year, each as often as it was raised."""
    return [
        name
        for _, names in _began(Site(films_a_day, NOTHING, f"year {seed}").states(DAYS))
        for name in names
    ]


def found_after(films_a_day: int, change: Change, seed: int) -> tuple[int, str] | None:
    """Return the days from the change to the first signal, and its name."""
    site = Site(films_a_day, change, f"{change.name} {seed}")
    for number, names in _began(site.states(CHANGED_ON + WATCHED)):
        if number >= CHANGED_ON:
            return number - CHANGED_ON + 1, names[0]
    return None


def _began(states: Iterator[State]) -> Iterator[tuple[int, list[str]]]:
    before: set[str] = set()
    for number, state in enumerate(states):
        names = [each.name for each in state.signals]
        if new := [name for name in names if name not in before]:
            yield number, new
        before = set(names)


def _kind(name: str) -> str:
    return name.partition(":")[0]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift", description=__doc__)
    parser.add_argument("--runs", type=int, default=200, metavar="N", help="of each (%(default)s)")
    runs = parser.parse_args().runs
    header = ("what happens", *(f"{site} films a day" for site in SITES))
    print(f"| {' | '.join(header)} |\n| {' | '.join('---' for _ in header)} |")
    with ProcessPoolExecutor() as pool:
        cells, counts = [], []
        for site in SITES:
            years = list(pool.map(unchanged_year, [site] * runs, range(runs)))
            cells.append(f"{sum(map(len, years)) / runs:.2f} false alarms a year")
            counts.append(Counter(_kind(name) for year in years for name in year))
        print(f"| {NOTHING.name} | {' | '.join(cells)} |")
        for change in CHANGES:
            cells = [_cell(pool, site, change, runs) for site in SITES]
            print(f"| {change.name} | {' | '.join(cells)} |", flush=True)
    print(f"\nFalse alarms in {runs} unchanged years, by signal:")
    for site, count in zip(SITES, counts, strict=True):
        named = ", ".join(f"`{name}` {times}" for name, times in count.most_common())
        print(f"{site} films a day: {named or 'none'}")
    return 0


def _cell(pool: ProcessPoolExecutor, site: int, change: Change, runs: int) -> str:
    found = list(pool.map(found_after, [site] * runs, [change] * runs, range(runs)))
    days = sorted(each[0] if each else math.inf for each in found)
    names = Counter(_kind(each[1]) for each in found if each)
    middle, late = days[runs // 2], days[9 * runs // 10]
    if math.isinf(middle):
        return f"found in {names.total() / runs:.0%} within {WATCHED} days".replace("%", " %")
    often = f"nine in ten within {late:g}"
    if math.isinf(late):
        often = f"{100 * names.total() / runs:.0f} % within {WATCHED}"
    ((name, _),) = names.most_common(1)
    return f"{middle:g} {'day' if middle == 1 else 'days'} ({often}), `{name}`"


if __name__ == "__main__":
    raise SystemExit(main())
