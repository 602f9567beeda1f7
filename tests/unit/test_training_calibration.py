"""Calibration at a stated prevalence, on probabilities with a known truth."""

import numpy as np
import pytest
from scipy.special import expit, logit

from training.evaluation.calibration import (
    expected_error,
    reliability,
    reweighted,
    slope_and_intercept,
    wilson,
)
from training.evaluation.metrics import measure

HERE, MEANT = 0.74, 0.19  # shares of ill films: among those measured, and where they are used


def films() -> tuple[np.ndarray, np.ndarray]:
    """Return labels, and probabilities that are calibrated for a prevalence of MEAN."""
    random = np.random.default_rng(1)
    labels = (np.arange(40_000) < 40_000 * HERE).astype(np.float64)
    # Two normals of variance d with means d apart: their log odds are the value itself.
    evidence = random.normal(np.where(labels == 1, 2.0, -2.0), 2.0)
    return labels, expit(evidence + logit(MEANT))


def test_probabilities_are_calibrated_for_the_stated_prevalence_only() -> None:
    labels, probabilities = films()
    assert slope_and_intercept(labels, probabilities, MEANT) == pytest.approx((1, 0), abs=0.05)
    assert expected_error(reliability(labels, probabilities, MEANT)) < 0.01
    slope, intercept = slope_and_intercept(labels, probabilities)
    assert slope == pytest.approx(1, abs=0.05)
    assert intercept == pytest.approx(logit(HERE) - logit(MEANT), abs=0.1)
    assert expected_error(reliability(labels, probabilities)) > 0.1


def test_the_intervals_of_a_bin_hold_where_the_share_is_shifted() -> None:
    labels, probabilities = films()
    for each in reliability(labels, probabilities, MEANT):
        assert each.observed.low <= each.observed.share <= each.observed.high
        assert each.mean_probability == pytest.approx(each.observed.share, abs=0.05)


def test_without_a_stated_share_a_bin_counts_its_films() -> None:
    bins = reliability(np.array([0.0, 1.0, 1.0]), np.array([0.31, 0.32, 0.33]))
    assert [(each.films, each.weight, each.observed) for each in bins] == [(3, 1.0, wilson(2, 3))]


def test_shifted_probabilities_are_calibrated_for_another_prevalence() -> None:
    labels, probabilities = films()
    shifted = reweighted(probabilities, MEANT, 0.05)
    assert slope_and_intercept(labels, shifted, 0.05) == pytest.approx((1, 0), abs=0.06)


def test_the_metrics_have_the_prevalence_and_the_negative_predictive_value() -> None:
    labels, probabilities = films()
    measured = measure(labels, probabilities, [0.1], MEANT)
    assert measured["prevalence"] == MEANT
    assert measured["auprc"] < measure(labels, probabilities)["auprc"], "the ill are rarer"
    at = measured["at"]["0.1"]
    assert at["npv"] == pytest.approx(at["tn"] / (at["tn"] + at["fn"]))
