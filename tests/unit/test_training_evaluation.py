"""The rules behind an evaluation, against worked examples and independent formulas."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from training.dataset.folder import BadDataset, Film, Patient
from training.evaluation.bootstrap import auc_interval
from training.evaluation.calibration import Floats, Rate, reliability, wilson
from training.evaluation.cutoff import (
    NoCutoff,
    choose,
    choose_supported,
    fewest_ill,
    refuse_test_films,
)
from training.evaluation.metrics import measure, measure_subgroup, net_benefit, per_thousand

LABELS = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
PROBABILITIES = np.array([0.1, 0.3, 0.7, 0.2, 0.8, 0.9])


def exactly(share: float) -> Rate:
    return Rate(share, share, share)


def some_films(seed: int, films: int, patients: int) -> tuple[Floats, Floats, list[int]]:
    """Return labels, informative probabilities with many ties, and patients with one label each."""
    random = np.random.default_rng(seed)
    whose = random.integers(0, patients, films)
    labels = (whose % 2).astype(float)
    return labels, np.round(1 / (1 + np.exp(-random.normal(labels, 1))), 1), whose.tolist()


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_is_wilsons(counted: tuple[int, int]) -> None:
    count, total = counted
    share, z = count / total, 1.959963984540054
    centre = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * math.sqrt(share * (1 - share) / total + z**2 / 4 / total**2)
    rate = wilson(count, total)
    assert (rate.low, rate.high) == pytest.approx((centre - half, centre + half), abs=1e-9)


def test_the_calibration_error_is_weighted_by_films() -> None:
    labels = np.array([0.0, 1.0, 1.0, 1.0, 0.0])
    probabilities = np.array([0.02, 0.08, 0.95, 0.97, 1.0])
    # Two films given 0.05 on average, half of them ill; three given 0.97333, two thirds ill.
    by_hand = 2 / 5 * (0.5 - 0.05) + 3 / 5 * (2.92 / 3 - 2 / 3)
    assert measure(labels, probabilities)["ece"] == pytest.approx(by_hand)


def test_films_are_counted_where_their_probability_lies() -> None:
    bins = reliability(np.array([0.0, 1.0, 1.0, 1.0]), np.array([0.0, 0.1, 0.199, 1.0]))
    assert [each.films for each in bins] == [1, 2, 1]
    assert [each.observed.share for each in bins] == [0, 1, 1]
    assert bins[1].mean_probability == pytest.approx(0.1495)


def test_a_subgroup_is_measured_against_all_normal_films() -> None:
    result = measure_subgroup(LABELS, PROBABILITIES, np.array([0, 0, 0, 1, 1, 0]) == 1, [0.25])
    # 0.2 lies above one normal film of three, 0.8 above all three.
    assert result["auc"] == pytest.approx(4 / 6)
    assert result["films"] == 2
    found: dict[str, Any] = result["at"]["0.25"]
    assert (found["tp"], found["fn"], found["recall"]) == (1, 1, 0.5)


def test_net_benefit_is_vickers_and_elkins() -> None:
    # 100 films, 20 ill; 18 found and 8 false alarms; at 0.2 four false alarms outweigh one found.
    benefit = net_benefit(np.array([0.9]), np.array([0.9]), np.array([0.2]), 0.2)
    assert benefit[0] == pytest.approx(18 / 100 - 8 / 100 / 4)


def test_treating_all_has_no_net_benefit_at_the_prevalence() -> None:
    every = net_benefit(np.array([1.0]), np.array([0.0]), np.array([0.3]), 0.3)
    assert every[0] == pytest.approx(0)


def test_the_counts_per_thousand_films_add_up() -> None:
    thousand = per_thousand(Rate(0.9, 0.8, 0.95), Rate(0.7, 0.6, 0.8), 0.05)
    assert thousand.true == pytest.approx((45, 40, 47.5))
    assert thousand.missed == pytest.approx((5, 2.5, 10))
    assert thousand.false == pytest.approx((285, 190, 380))
    assert thousand.alerts == pytest.approx(330)
    assert thousand.precision == pytest.approx(45 / 330)
    assert per_thousand(exactly(0), exactly(1), 0.5).precision == 0


def test_the_interval_is_that_of_drawing_films_where_each_patient_has_one() -> None:
    labels, probabilities, _ = some_films(1, 60, 60)
    interval = auc_interval(labels, probabilities, range(60))
    assert interval is not None
    random = np.random.default_rng(5)
    ill, normal = probabilities[labels == 1], probabilities[labels == 0]
    scores = []
    for _ in range(2000):
        above = random.choice(ill, len(ill))[:, None] - random.choice(normal, len(normal))
        scores.append(np.mean((np.sign(above) + 1) / 2))
    assert interval == pytest.approx(np.percentile(scores, [2.5, 97.5]), abs=0.02)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000))
def test_more_films_of_the_same_children_promise_no_more(seed: int) -> None:
    labels, probabilities, _ = some_films(seed, 40, 40)
    once = auc_interval(labels, probabilities, range(40))
    thrice = auc_interval(np.tile(labels, 3), np.tile(probabilities, 3), [*range(40)] * 3)
    if once is None:
        assert thrice is None
    else:
        assert thrice == pytest.approx(once)
        of_others = auc_interval(np.tile(labels, 3), np.tile(probabilities, 3), range(120))
        assert of_others is not None
        assert of_others[1] - of_others[0] < once[1] - once[0]


def test_the_interval_holds_the_measure_and_is_the_same_each_time() -> None:
    labels, probabilities, patients = some_films(3, 300, 90)
    interval = auc_interval(labels, probabilities, patients)
    assert interval is not None
    assert interval[0] < roc_auc_score(labels, probabilities) < interval[1]
    assert interval == auc_interval(labels, probabilities, patients)


@pytest.mark.parametrize(
    ("probabilities", "patients"),
    [
        ([0.1, 0.6, 0.5, 0.9], ["a", "a", "b", "c"]),  # one normal patient
        ([0.1, 0.6, 0.5, 0.9], ["a", "b", "c", "c"]),  # one ill patient
        ([0.1, 0.2, 0.5, 0.9], ["a", "b", "c", "d"]),  # no pair in the wrong order
    ],
)
def test_there_is_no_interval_where_resampling_cannot_tell(
    probabilities: list[float], patients: list[str]
) -> None:
    labels = np.array([0.0, 0.0, 1.0, 1.0])
    assert auc_interval(labels, np.array(probabilities), patients) is None


def test_the_cutoff_is_the_highest_that_finds_enough() -> None:
    chosen = choose(LABELS, PROBABILITIES, 0.66)
    assert chosen.cutoff == 0.8
    assert (chosen.sensitivity.share, chosen.specificity.share) == (2 / 3, 1)
    assert choose(LABELS, PROBABILITIES, 0.67).cutoff == 0.2


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 0.99))
def test_a_rounded_cutoff_still_finds_enough(seed: int, sensitivity: float) -> None:
    random = np.random.default_rng(seed)
    labels = np.array([0.0, 1.0] * 20)
    probabilities = random.uniform(0.0001, 1, 40)
    chosen = choose(labels, probabilities, sensitivity)
    assert np.mean(probabilities[labels == 1] >= chosen.cutoff) >= sensitivity
    assert len(f"{chosen.cutoff:g}".replace(".", "").lstrip("0")) <= 3


def test_a_supported_cutoff_has_its_whole_interval_above() -> None:
    labels, probabilities = np.array([0.0] * 10 + [1.0] * 200), np.linspace(0.001, 1, 210)
    chosen = choose_supported(labels, probabilities, 0.9)
    assert chosen is not None
    assert chosen.sensitivity.low >= 0.9
    found = round(chosen.sensitivity.share * 200)
    assert wilson(found - 1, 200).low < 0.9
    assert chosen.cutoff < choose(labels, probabilities, 0.9).cutoff


def test_few_films_support_no_high_sensitivity() -> None:
    assert choose_supported(LABELS, PROBABILITIES, 0.97) is None
    # n / (n + z^2) >= 0.97 from n = 124.2 on
    assert fewest_ill(0.97) == 125


def test_no_cutoff_finds_a_film_with_no_probability_at_all() -> None:
    with pytest.raises(NoCutoff, match="probability 0"):
        choose(np.array([0.0, 1.0]), np.array([0.5, 0.0]), 0.9)


@pytest.mark.parametrize(
    ("data", "film"),
    [
        ("chest_xray/test", "NORMAL/a.jpeg"),
        ("chest_xray", "test/NORMAL/a.jpeg"),
        ("chest_xray", "Test/NORMAL/a.jpeg"),
    ],
)
def test_test_films_are_refused(data: str, film: str) -> None:
    path = Path(data) / film
    with pytest.raises(BadDataset, match="has test films"):
        refuse_test_films(Path(data), [Film(path, 0, Patient(0, "", 0, "a"))])


def test_only_the_split_counts_not_other_names() -> None:
    path = Path("test/chest_xray/val/NORMAL/test.jpeg")
    refuse_test_films(Path("test/chest_xray"), [Film(path, 0, Patient(0, "", 0, "test"))])
