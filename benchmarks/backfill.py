"""A simulation of a backfill while new films arrive; `benchmarks.simulations` runs it.

It simulates the two queues with the limits of template.yaml, and an endpoint that answers requests
in order; nothing is measured. Films of today arrive by the hour, with 15 % of the day's in the
busiest one, and fifty at once each hour. The delay of a film of today is its time to the record
with the backfill, less its time without.
"""

import heapq
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from benchmarks import bill
from benchmarks.rows import percentile
from training.sagemaker.prices import read_prices

FILMS = 1_000_000
TODAY_A_DAY = 3000
AT_ONCE = 50  # films each hour, since a modality sends them together

# Limits of template.yaml: MaximumConcurrency x FilmsInBatch, and the backfill's two films.
TODAY_SLOTS = 50
BACKFILL_SLOTS = 2
RENDER_SLOTS = 2
RENDER_SECONDS = 1.0

ENDPOINT_FILMS_SECOND = 8
ENDPOINT_AT_ONCE = 2
BEFORE_SECONDS, AFTER_SECONDS = 0.1, 0.05  # to read the film, to write the record

_DAY, _HOUR = 86_400, 3600


@dataclass
class Lane:
    """A queue with as many concurrent films as its trigger allows."""

    slots: int
    waiting: deque[int] = field(default_factory=deque)
    working: int = 0


@dataclass
class Simulation:
    """A simulation of the two queues.

    `arrivals` are the films of today, `old` films are in the backfill's queue from the start.
    """

    arrivals: Sequence[float]
    old: int
    draw: random.Random
    today: Lane = field(default_factory=lambda: Lane(TODAY_SLOTS))
    backfill: Lane = field(default_factory=lambda: Lane(BACKFILL_SLOTS))
    done: dict[int, float] = field(default_factory=dict)
    ended: float = 0.0

    def run(self) -> None:
        """Process all events in order of time.

        A film is a number: that of its arrival, or a negative one for each of the backfill.
        """
        tie = count()
        events: list[tuple[float, int, str, int]] = [
            (at, next(tie), "arrives", film) for film, at in enumerate(self.arrivals)
        ]
        heapq.heapify(events)
        asked: deque[int] = deque()
        busy = 0
        left = self.old

        def put(at: float, what: str, film: int) -> None:
            heapq.heappush(events, (at, next(tie), what, film))

        def start(at: float) -> None:
            nonlocal left
            while self.today.waiting and self.today.working < self.today.slots:
                self.today.working += 1
                put(at + BEFORE_SECONDS, "asks", self.today.waiting.popleft())
            while left and self.backfill.working < self.backfill.slots:
                self.backfill.working += 1
                put(at + BEFORE_SECONDS, "asks", -left)
                left -= 1

        def answer(at: float) -> None:
            nonlocal busy
            while asked and busy < ENDPOINT_AT_ONCE:
                busy += 1
                usual = ENDPOINT_AT_ONCE / ENDPOINT_FILMS_SECOND
                film = asked.popleft()
                # A film of today takes equally long in both runs.
                draw = random.Random(film) if film >= 0 else self.draw  # noqa: S311
                put(at + usual * draw.uniform(0.5, 1.5), "answered", film)

        start(0.0)
        while events:
            at, _, what, film = heapq.heappop(events)
            if what == "arrives":
                self.today.waiting.append(film)
            elif what == "asks":
                asked.append(film)
            elif what == "answered":
                busy -= 1
                put(at + AFTER_SECONDS, "recorded", film)
            else:
                lane = self.today if film >= 0 else self.backfill
                lane.working -= 1
                if film >= 0:
                    self.done[film] = at
                else:
                    self.ended = at
            answer(at)
            start(at)


def arrivals(seconds: float, draw: random.Random) -> list[float]:
    """Return the arrival times of films of today."""
    found = []
    for hour in range(int(seconds // _HOUR) + 1):
        films = TODAY_A_DAY * (0.15 if hour % 24 == 10 else 0.85 / 23)
        found += [hour * _HOUR + draw.uniform(0, _HOUR) for _ in range(round(films) - AT_ONCE)]
        found += [hour * _HOUR + 1800.0] * AT_ONCE
    return sorted(found)


@dataclass(frozen=True)
class Found:
    """The result; `delays` are those of the films of today, in seconds, like all times."""

    delays: list[float]
    alone: list[float]
    beside: list[float]
    seconds: float


def simulate(films: int, seed: int = 1) -> Found:
    usual = BACKFILL_SLOTS / (
        BEFORE_SECONDS + AFTER_SECONDS + ENDPOINT_AT_ONCE / ENDPOINT_FILMS_SECOND
    )
    expected = arrivals(films / usual * 1.05, random.Random(seed))  # noqa: S311 - no secret
    times = []
    seconds = 0.0
    for old in (0, films):
        run = Simulation(expected, old, random.Random(seed))  # noqa: S311
        run.run()
        times.append([run.done[film] - at for film, at in enumerate(expected)])
        seconds = run.ended
    alone, beside = times
    return Found([b - a for a, b in zip(alone, beside, strict=True)], alone, beside, seconds)


def rows(films: int) -> list[tuple[str, str]]:
    found = simulate(films)
    prices = read_prices()
    mails = prices["load"]["positives"] * prices["around"]["sns_mail"]  # no mails are sent
    dollars = films * (bill.per_film(prices) - mails)
    month = bill.Case(films, 0)
    kept = films * prices["load"]["film_mb"] / 1000 * prices["around"]["s3_gb_month"]
    rendered = films * RENDER_SECONDS / RENDER_SLOTS
    return [
        ("films of a backfill", f"{films:,}"),
        ("films of today meanwhile", f"{len(found.delays):,}"),
        (
            "upload to record, today's films, without a backfill: median, longest",
            _both(found.alone),
        ),
        (
            "upload to record, today's films, during a backfill: median, longest",
            _both(found.beside),
        ),
        ("delay of today's films: median, longest", _both(found.delays)),
        ("longest wait if all films shared one queue", _time(films / ENDPOINT_FILMS_SECOND)),
        ("the backfill ends after", _time(found.seconds)),
        ("if all films are in DICOM, two rendered at a time", _time(max(rendered, found.seconds))),
        ("dollars, serverless endpoint and half a month of storage included", f"${dollars:,.0f}"),
        ("dollars a month afterwards, for storage", f"${kept:,.2f}"),
        ("if all films are DICOM of 15 MB, besides", f"${bill.dicom(prices).dollars(month):,.0f}"),
    ]


def _both(seconds: Sequence[float]) -> str:
    return f"{percentile(seconds, 0.5):.2f} s, {max(seconds):.2f} s"


def _time(seconds: float) -> str:
    return f"{seconds / _HOUR:,.0f} hours" if seconds < 4 * _DAY else f"{seconds / _DAY:.1f} days"
