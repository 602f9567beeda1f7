"""The output of `performance` for simulated readers with known errors, and for a few cases."""

import math
from collections.abc import Mapping
from decimal import Decimal

import numpy as np
import pytest
from scipy.stats import beta, binomtest, gamma

from screening.interval import wilson
from tests.unit.test_worklist_rules import record, review
from worklist.rules.entry import enter
from worklist.rules.intervals import _gamma_quantile, agreement, weighted_count
from worklist.rules.performance import (
    LAST_POSITIVES,
    Case,
    by,
    cases,
    cutoff_for,
    local_precisions,
    measure,
    readers_agree,
    week,
)
from worklist.rules.review import Reading

CUTOFF = 0.1


def case(
    probability: float,
    *readings: str,
    chance: float | None = None,
    uploaded: str = "2026-11-22T10:15:30.000Z",
    model: str = "first",
    blind: bool = True,
) -> Case:
    words: Mapping[str, Reading] = {
        f"reader {number}": Reading(reading) for number, reading in enumerate(readings)
    }
    positive = probability >= CUTOFF
    unseeing = words if blind else {}
    return Case(uploaded, "ward", model, positive, probability, CUTOFF, chance, words, unseeing)


def test_intervals_match_published_values() -> None:
    for hits, tries in ((0, 10), (3, 10), (497, 500)):
        expected = binomtest(hits, tries).proportion_ci(method="wilson")
        found = wilson(hits, tries)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-6)
    for share in (0.025, 0.5, 0.975):
        for shape in (1, 3.7, 250, 4000):
            assert _gamma_quantile(share, shape) == pytest.approx(gamma.ppf(share, shape))
    # With weights of 1 it is the exact interval of a Poisson count.
    assert weighted_count([1.0] * 7, 1).low == pytest.approx(gamma.ppf(0.025, 7))
    assert weighted_count([1.0] * 7, 1).high == pytest.approx(gamma.ppf(0.975, 8))


def test_agreement_is_krippendorffs_alpha() -> None:
    # Hayes and Krippendorff (2007), nominal, three readers with gaps: alpha as published is 0.691.
    one = "*****34121133*3"
    two = "1*213343*******"
    three = "**21344*21133*4"
    films = [
        [value for value in film if value != "*"] for film in zip(one, two, three, strict=True)
    ]
    found = agreement(films)
    assert found
    assert found.value == pytest.approx(0.691, abs=0.0005)
    assert found.low < 0.691 < found.high
    assert agreement([["NORMAL", "NORMAL"], ["NORMAL", "NORMAL"]]) is None


def test_precision_counts_positives_only_and_sensitivity_weights_by_the_inverse_chance() -> None:
    chosen = [
        *[case(0.9, "PNEUMONIA")] * 6,
        *[case(0.5, "NORMAL")] * 2,
        case(0.09, "PNEUMONIA", chance=0.5),
        case(0.01, "NORMAL", chance=0.1),
    ]
    found = measure(chosen)
    assert found.precision
    assert found.precision.value == 6 / 8
    assert found.sensitivity
    assert found.sensitivity.value == pytest.approx(6 / (6 + 1 / 0.5))
    assert found.sensitivity.low < 0.75 < found.sensitivity.high


def test_sensitivity_counts_blinded_readings_only() -> None:
    chosen = [
        *[case(0.9, "PNEUMONIA", blind=False)] * 7,
        case(0.9, "PNEUMONIA"),
        case(0.9, "NORMAL"),
        case(0.09, "PNEUMONIA", chance=0.5),
        case(0.09, "NORMAL", chance=0.5, blind=False),
    ]
    found = measure(chosen)
    assert found.precision
    assert found.precision.value == 8 / 9
    assert (found.drawn, found.drawn_read, found.missed) == (2, 1, 1)
    assert found.sensitivity
    # Half of nine positives show pneumonia, as do half of the two blinded ones; all negatives do.
    assert found.sensitivity.value == pytest.approx(4.5 / (4.5 + 4))
    known = [each for each in chosen if each.positive and not each.blind]
    assert measure([*known, case(0.09, "NORMAL", chance=0.5)]).sensitivity is None


def test_a_film_that_a_reader_set_aside_counts_nowhere() -> None:
    entered = enter(record("0.9"), Decimal(0))
    assert cases([review(entered, Reading.SET_ASIDE)], [entered]) == []
    assert len(cases([review(entered, Reading.NORMAL)], [entered])) == 1


def test_unread_films_are_assumed_to_be_like_the_read_ones() -> None:
    chosen = [case(0.9, "PNEUMONIA"), case(0.9), case(0.05, "PNEUMONIA", chance=0.5)]
    found = measure(chosen)
    assert (found.positives, found.positives_read) == (2, 1)
    assert found.sensitivity
    assert found.sensitivity.value == pytest.approx(2 / (2 + 2))


def test_without_readings_there_are_no_measures() -> None:
    assert measure([]).precision is None
    assert measure([case(0.9, "PNEUMONIA")]).sensitivity is None, "positives alone tell no misses"
    assert cutoff_for([case(0.9, "PNEUMONIA")], 0.95) is None


def test_the_majority_decides_and_a_tie_is_disputed() -> None:
    assert case(0.9, "PNEUMONIA", "NORMAL", "NORMAL").truth is Reading.NORMAL
    assert case(0.9, "UNSURE", "NORMAL").truth is Reading.NORMAL
    assert case(0.9, "PNEUMONIA", "NORMAL").truth is None
    assert measure([case(0.9, "PNEUMONIA", "NORMAL")]).disputed == 1


def test_measures_are_grouped_by_week_and_model() -> None:
    chosen = [
        case(0.9, "PNEUMONIA"),
        case(0.9, "NORMAL", uploaded="2026-11-30T00:00:00.000Z", model="second"),
    ]
    assert list(by(chosen, week)) == ["2026-W47", "2026-W49"]
    models = by(chosen, lambda case: case.model)
    assert [models[name].confirmed for name in ("first", "second")] == [1, 0]


def test_a_lower_cutoff_finds_more_and_costs_more() -> None:
    chosen = [
        *[case(0.9, "PNEUMONIA")] * 8,
        *[case(0.05, "PNEUMONIA", chance=0.5)] * 1,
        *[case(0.02, "NORMAL", chance=0.1)] * 9,
    ]
    wanted = cutoff_for(chosen, 0.95)
    assert wanted
    assert wanted.cutoff == 0.05
    assert wanted.sensitivity.value == 1
    assert wanted.alerts_per_thousand == pytest.approx(1000 * 10 / 100)
    assert wanted.alerts_per_thousand_now == pytest.approx(1000 * 8 / 100)
    assert wanted.precision == 1


ILL, READER_FINDS, READER_CLEARS = 0.08, 0.95, 0.98
TRIALS, FILMS, SHARE = 200, 10_000, 0.02


def _chances(probabilities: np.ndarray) -> np.ndarray:
    return np.minimum(1, SHARE * (1 + 9 * probabilities / CUTOFF))


def _readings(random: np.random.Generator, ill: np.ndarray) -> np.ndarray:
    return random.random(len(ill)) < np.where(ill, READER_FINDS, 1 - READER_CLEARS)


@pytest.mark.thorough
def test_intervals_have_their_nominal_coverage_in_a_simulation() -> None:
    """10,000 films, readers with known errors; their readings measure the network.

    With every film read, its precision and sensitivity would tend to what is planted here.
    """
    finds = float(beta.sf(CUTOFF, 2, 3))  # of the ill
    alarms = float(beta.sf(CUTOFF, 1, 30))  # of the others
    seen_ill, seen_well = ILL * READER_FINDS, (1 - ILL) * (1 - READER_CLEARS)
    sensitivity = (seen_ill * finds + seen_well * alarms) / (seen_ill + seen_well)
    precision = (seen_ill * finds + seen_well * alarms) / (ILL * finds + (1 - ILL) * alarms)
    covered = {"sensitivity": 0, "precision": 0}
    width = []
    random = np.random.default_rng(13)
    for _ in range(TRIALS):
        ill = random.random(FILMS) < ILL
        probability = np.where(ill, random.beta(2, 3, FILMS), random.beta(1, 30, FILMS))
        chance = _chances(probability)
        asked = (probability >= CUTOFF) | (random.random(FILMS) < chance)
        saw = _readings(random, ill)
        found = measure(
            [
                case(
                    float(probability[at]),
                    "PNEUMONIA" if saw[at] else "NORMAL",
                    chance=None if probability[at] >= CUTOFF else float(chance[at]),
                )
                for at in np.flatnonzero(asked)
            ]
        )
        assert found.sensitivity
        assert found.precision
        covered["sensitivity"] += found.sensitivity.low <= sensitivity <= found.sensitivity.high
        covered["precision"] += found.precision.low <= precision <= found.precision.high
        width.append(found.sensitivity.high - found.sensitivity.low)
    # The margin of error with so many trials.
    slack = 2.5 * math.sqrt(0.95 * 0.05 / TRIALS)
    assert covered["precision"] / TRIALS == pytest.approx(0.95, abs=slack)
    assert covered["sensitivity"] / TRIALS >= 0.95 - slack
    assert np.median(width) < 0.25, "an interval that says nothing covers everything"


def test_agreement_of_simulated_readers_matches_their_error_rates() -> None:
    random = np.random.default_rng(13)
    ill = random.random(FILMS) < 0.5
    one, two = _readings(random, ill), _readings(random, ill)
    words = np.array(["NORMAL", "PNEUMONIA"])
    found = readers_agree(
        case(0.9, *pair) for pair in zip(words[one * 1], words[two * 1], strict=True)
    )
    shown = 0.5 * READER_FINDS + 0.5 * (1 - READER_CLEARS)
    same = 0.5 * (READER_FINDS**2 + (1 - READER_FINDS) ** 2)
    same += 0.5 * (READER_CLEARS**2 + (1 - READER_CLEARS) ** 2)
    by_chance = shown**2 + (1 - shown) ** 2
    assert found
    assert found.low < (same - by_chance) / (1 - by_chance) < found.high


def test_local_precision_is_of_each_networks_last_positives_that_were_read() -> None:
    old = [case(0.9, "NORMAL", uploaded="2026-01-01T00:00:00.000Z") for _ in range(30)]
    new = [case(0.9, "PNEUMONIA") for _ in range(LAST_POSITIVES)]
    other = [case(0.9, "PNEUMONIA", model="second"), case(0.9, "NORMAL", model="second")]
    silent = [case(0.9), case(0.9, "UNSURE"), case(0.01, "PNEUMONIA", chance=1.0)]
    found = local_precisions([*new, *other, *silent, *old])
    assert set(found) == {"first", "second"}
    assert (found["first"].confirmed, found["first"].of) == (LAST_POSITIVES, LAST_POSITIVES)
    assert (found["second"].confirmed, found["second"].of) == (1, 2)
    assert 0 < found["second"].low < 0.5 < found["second"].high < 1
