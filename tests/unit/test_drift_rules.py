"""Changes that raise signals of drift, and changes that do not; the state survives a round trip."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift import limits
from drift.cusum import steps
from drift.distance import distance
from drift.message import message
from drift.rules import Counted, Film, Reading, count_day
from drift.state import MOST_NAMED, Signal, State, read_state, shown, write_state
from drift.traffic import ALL, MOST_SOURCES, OTHERS, too_few, with_day

MONDAY = date(2026, 1, 5)
KEY = "ward 1/film {}.dcm"


def film(number: int, probability: float, network: str = "net-1", cutoff: str = "0.1") -> Film:
    return Film(KEY.format(number), cutoff, probability, network)


def refused(number: int, code: str = "inverted") -> Film:
    return Film(KEY.format(number), "0.1", code=code)


def usual(random: Random, count: int, positive: float = 0.2) -> Iterator[Film]:
    for number in range(count):
        ill = random.random() < positive
        yield film(number, random.uniform(0.2, 1) if ill else random.uniform(0, 0.09))


def day(number: int, films: list[Film], readings: list[Reading] | None = None) -> Counted:
    return Counted((MONDAY + timedelta(days=number)).isoformat(), films, readings or [])


@pytest.fixture(scope="module")
def settled() -> State:
    """Return the state after sixty days of a hundred films: a full reference and no signals."""
    random, state = Random(1), State(through="2026-01-04")  # noqa: S311
    for number in range(60):
        readings = [Reading("net-1", random.random() < 0.85) for _ in range(8)]
        state = count_day(state, day(number, list(usual(random, 100)), readings))
        assert state.signals == []
    return state


def after(state: State, films: list[Film], readings: list[Reading] | None = None) -> State:
    random = Random(2)  # noqa: S311
    return count_day(state, day(60, films or list(usual(random, 100)), readings))


def names(state: State) -> list[str]:
    return [each.name for each in state.signals]


def test_the_reference_is_the_first_films_and_never_moves(settled: State) -> None:
    assert settled.reference
    assert len(settled.reference.probabilities) == limits.REFERENCE_FILMS
    assert len(settled.reference.recent) == limits.RECENT_FILMS
    later = after(settled, [film(n, 0.99) for n in range(300)])
    assert later.reference
    assert later.reference.probabilities == settled.reference.probabilities


def test_more_positives_raise_a_signal_that_names_the_last_of_them(settled: State) -> None:
    random = Random(3)  # noqa: S311
    state = after(settled, [*usual(random, 150, positive=0.6)])
    (signal,) = [each for each in state.signals if each.name == "positive-up"]
    assert 0 < len(signal.films) <= MOST_NAMED
    assert "More films are positive" in signal.said


def test_fewer_positives_raise_a_signal(settled: State) -> None:
    assert "positive-down" in names(after(settled, [film(n, 0.01) for n in range(150)]))


def test_another_distribution_raises_a_signal_at_the_same_share_of_positives(
    settled: State,
) -> None:
    films = [film(n, 0.95 if n % 5 == 0 else 0.0001) for n in range(200)]
    assert names(after(settled, films)) == ["probability"]


def test_a_machine_that_inverts_films_raises_a_signal_on_its_first_day(settled: State) -> None:
    random = Random(4)  # noqa: S311
    films = [refused(n) if n % 3 == 0 else each for n, each in enumerate(usual(random, 100))]
    state = after(settled, films)
    assert names(state) == ["refused-up:inverted"]
    assert state.signals[0].films[-1] == films[99].key


def test_a_signal_stands_while_the_change_lasts_and_ends_after_it(settled: State) -> None:
    random, state, seen = Random(5), settled, []  # noqa: S311
    for number in range(60, 80):
        films = list(usual(random, 100))
        if number < 70:
            films = [refused(n) if n % 3 == 0 else each for n, each in enumerate(films)]
        state = count_day(state, day(number, films))
        seen.append("refused-up:inverted" in names(state))
    assert seen[:10] == [True] * 10
    assert seen[13:] == [False] * 7


def test_fewer_confirmed_positives_raise_a_signal(settled: State) -> None:
    readings = [Reading("net-1", confirmed=n % 3 == 0) for n in range(40)]
    assert names(after(settled, [], readings)) == ["confirmed-down"]
    others = [replace(each, network="net-0") for each in readings]
    assert names(after(settled, [], others)) == []


@pytest.mark.parametrize(("network", "cutoff"), [("net-2", "0.1"), ("net-1", "0.2")])
def test_another_network_or_cutoff_begins_a_new_reference(
    settled: State, network: str, cutoff: str
) -> None:
    state = after(settled, [film(n, 0.99, network, cutoff) for n in range(100)])
    assert state.signals == []
    assert state.reference
    assert (state.reference.network, state.reference.since) == (network, "2026-03-06")
    assert len(state.history) == 61


def test_a_few_films_of_another_network_leave_the_reference_alone(settled: State) -> None:
    random = Random(6)  # noqa: S311
    mixed = [*usual(random, 60), *(film(n, 0.99, "net-2") for n in range(40))]
    state = after(settled, mixed)
    assert state.reference
    assert settled.reference
    assert state.reference.since == settled.reference.since
    assert state.signals == []


def test_an_export_that_stops_raises_a_signal_the_next_day_and_one_that_shrinks_within_a_week(
    settled: State,
) -> None:
    assert names(count_day(settled, day(60, []))) == ["films:all films"]
    random, state, sounded = Random(7), settled, []  # noqa: S311
    for number in range(60, 67):
        state = count_day(state, day(number, list(usual(random, 50))))
        sounded.append("films:all films" in names(state))
    assert sounded[-1]


def test_one_of_two_exports_that_dies_is_named() -> None:
    traffic: dict[str, list[int]] = {}
    for _ in range(40):
        traffic = with_day(traffic, {"ct": 50, "cr": 60})
    (found,) = too_few(with_day(traffic, {"ct": 50, "cr": 0}))
    assert (found.source, found.films, found.usual) == ("cr", 0, 60)


def test_a_weekend_is_compared_with_weekends() -> None:
    traffic: dict[str, list[int]] = {}
    for number in range(63):
        traffic = with_day(traffic, {"cr": 10 if number % 7 > 4 else 100})
        assert too_few(traffic) == []


def test_the_number_of_folders_is_bounded() -> None:
    traffic = with_day({}, {f"patient {n}": 1 for n in range(1000)})
    assert len(traffic) == MOST_SOURCES + 1
    assert traffic[ALL] == [1000]
    assert traffic[OTHERS] == [1000 - MOST_SOURCES + 1]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.lists(st.floats(0, 1), min_size=1))
def test_the_distance_is_from_0_to_1_and_0_for_equal_samples(
    one: list[float], two: list[float]
) -> None:
    assert 0 <= distance(one, two).value <= 1
    assert distance(one, list(reversed(one))).value == 0
    assert distance(one, two).value == pytest.approx(distance(two, one).value)


@given(st.floats(0.01, 0.9), st.floats(1.1, 5))
def test_an_unchanged_share_pulls_the_level_down(share: float, odds: float) -> None:
    for direction in (odds, 1 / odds):
        step = steps(share, direction)
        assert share * step.hit + (1 - share) * step.miss < 0


@settings(deadline=None, max_examples=20)
@given(st.lists(st.text(max_size=20), min_size=1, max_size=20), st.sampled_from(["", "inverted"]))
def test_the_state_is_read_as_it_was_written(keys: list[str], code: str) -> None:
    state = State(through="2026-01-04")
    for number in range(3):
        films = [Film(key, "0.1", None if code else 0.5, code=code) for key in keys]
        state = count_day(state, day(number, films))
        again = read_state(write_state(state))
        assert write_state(again) == write_state(state)
        assert count_day(again, day(9, films)).signals == count_day(state, day(9, films)).signals
        assert json.loads(shown(state))["days"][-1]["films"] == len(keys)


def test_the_largest_state_fits_an_item() -> None:
    key = "ä" * 500  # 1,000 bytes, near the longest that S3 takes
    state = State(through="2025-01-04")
    for number in range(400):
        films = [Film(f"{n} {key}/{key}", "0.1", 0.5, "n" * 60) for n in range(60)]
        films += [Film(f"{n}/{key}", "0.1", code=f"code {n % 8}") for n in range(60)]
        state = count_day(state, day(number, films), [Signal("samples", "said")])
    assert len(f"{write_state(state)}{shown(state)}".encode()) < 390_000


def test_the_message_says_look_and_names_films_and_nothing_is_markup() -> None:
    signals = [Signal("a", "More.", ["ward/\x1b[2Jx.dcm"]), Signal("b", "Old.", ["y.dcm"])]
    state = State("2026-01-05", signals=signals)
    subject, text = message("cxr-alert", state, signals[:1])
    assert subject == "cxr-alert: look at the films, 1 signal of drift"
    assert text.startswith("Look: ")
    assert text.index("More.") < text.index("Old.")
    assert "\x1b" not in text
    assert "y.dcm" in text
