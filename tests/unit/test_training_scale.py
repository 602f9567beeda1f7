import numpy as np
import pytest
from scipy.special import expit, logit

from training.evaluation.calibration import reweighted
from training.learning.limits import limits
from training.learning.scale import Scale, fit_scale, scale_interval


def films(count: int, ill: float) -> tuple[np.ndarray, np.ndarray]:
    """Return labels, and logit differences with twice the true slope and an offset of one."""
    random = np.random.default_rng(1)
    labels = (random.random(count) < ill).astype(float)
    # Two normal distributions one deviation apart each side: the true evidence is 2 * x.
    x = random.normal(np.where(labels == 1, 1.0, -1.0), 1.0)
    return 2 * (2 * x) + 1, labels


@pytest.mark.parametrize("ill", [0.2, 0.8])
def test_the_calibration_does_not_depend_on_the_prevalence_among_the_films(ill: float) -> None:
    scale = fit_scale(*films(40_000, ill), prevalence=0.19)
    assert scale.slope == pytest.approx(0.5, abs=0.03)
    assert scale.intercept == pytest.approx(-0.5, abs=0.05)


def test_a_probability_is_for_the_stated_prevalence() -> None:
    differences, labels = films(100_000, 0.19)
    said = fit_scale(differences, labels, prevalence=0.19).probabilities(differences)
    inside = (said > 0.25) & (said < 0.35)
    assert labels[inside].mean() == pytest.approx(0.3, abs=0.03)
    assert said.mean() == pytest.approx(0.19, abs=0.01)


def test_perfectly_separated_films_can_be_calibrated() -> None:
    scale = fit_scale(np.array([-3.0, -2.0, 2.0, 3.0]), np.array([0.0, 0.0, 1.0, 1.0]))
    assert np.isfinite(scale.probabilities(np.array([-9.0, 0.0, 9.0]))).all()


def test_a_calibration_on_few_films_reports_its_uncertainty() -> None:
    widths = []
    for count in (40, 1000):
        differences, labels = films(count, 0.5)
        scale = fit_scale(differences, labels)
        found = scale_interval(scale, differences, labels, range(count), 0.1)
        assert found
        low, high = found
        assert 0 < low < 0.1 < high < 1
        widths.append(high - low)
    assert widths[1] < widths[0] / 3


def test_films_of_one_patient_count_as_one_in_the_interval() -> None:
    differences, labels = films(400, 0.5)
    scale = fit_scale(differences, labels)
    alone = scale_interval(scale, differences, labels, range(400), 0.1)
    assert alone
    copied = (np.tile(differences, 4), np.tile(labels, 4))
    same = [number % 400 for number in range(1600)]
    assert scale_interval(scale, *copied, same, 0.1) == pytest.approx(alone, abs=0.03)


def test_another_prevalence_shifts_the_odds() -> None:
    evidence = np.array([-1.0, 0.0, 2.0])
    shifted = reweighted(expit(evidence + logit(0.5)), 0.5, 0.19)
    np.testing.assert_allclose(shifted, Scale(prevalence=0.19).probabilities(evidence))


def test_the_gate_refuses_the_share_that_it_may() -> None:
    logits = np.random.default_rng(0).normal(size=(20_000, 6))
    logits[:, 0] += 5
    refused = ((logits + limits(logits, 0.01)).argmax(axis=1) != 0).mean()
    assert refused == pytest.approx(0.01, abs=0.002)
