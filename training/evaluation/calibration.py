"""Whether probabilities are calibrated for a stated prevalence.

Measured films rarely have a clinic's prevalence: here each class is weighted to match it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logit
from scipy.stats import binomtest

Floats = NDArray[np.float64]

BINS = 10
_LEAST = 1e-6  # probabilities closer to 0 or 1 count as this


@dataclass(frozen=True)
class Rate:
    """A share of films with its 95 % Wilson interval."""

    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Bin:
    """The films with probabilities in one interval, and the share of them with pneumonia.

    `weight` is the share of all films that they represent.
    """

    films: int
    weight: float
    mean_probability: float
    observed: Rate


def wilson(count: int, total: int) -> Rate:
    """Return the share `count` of `total`, which is not 0, with its interval (Wilson, 1927)."""
    interval = binomtest(count, total).proportion_ci(method="wilson")
    return Rate(count / total, float(interval.low), float(interval.high))


def weights_for(labels: Floats, prevalence: float | None) -> Floats:
    """Return the weights of films [N] that give the positives the share `prevalence`; 1 if None."""
    if prevalence is None:
        return np.ones(len(labels))
    share = labels.mean()
    weights: Floats = np.where(labels == 1, prevalence / share, (1 - prevalence) / (1 - share))
    return weights


def reliability(
    labels: Floats, probabilities: Floats, prevalence: float | None = None
) -> list[Bin]:
    """Group the films into BINS equal intervals of the probability, without empty ones.

    If the share with pneumonia is adjusted to `prevalence`, so are the ends of its interval.
    """
    weights = weights_for(labels, prevalence)
    ill, well = (weights[labels == label][:1].sum() or 1.0 for label in (1, 0))
    place = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    bins = []
    for number in range(BINS):
        inside = place == number
        if not inside.any():
            continue
        seen = wilson(int(labels[inside].sum()), int(inside.sum()))
        shifted = [
            each * ill / (each * ill + (1 - each) * well)
            for each in (seen.share, seen.low, seen.high)
        ]
        bins.append(
            Bin(
                films=int(inside.sum()),
                weight=float(weights[inside].sum() / weights.sum()),
                mean_probability=float(np.average(probabilities[inside], weights=weights[inside])),
                observed=Rate(*shifted),
            )
        )
    return bins


def expected_error(bins: list[Bin]) -> float:
    """Return the mean distance between a bin's mean probability and its share with pneumonia."""
    return sum(abs(each.mean_probability - each.observed.share) * each.weight for each in bins)


def slope_and_intercept(
    labels: Floats, probabilities: Floats, prevalence: float | None = None
) -> tuple[float, float]:
    """Return slope and intercept that correct the logits of probabilities [N]; ideal: 1 and 0."""
    evidence = logit(probabilities.clip(_LEAST, 1 - _LEAST))
    return fit_line(evidence, labels, weights_for(labels, prevalence))


def fit_line(evidence: Floats, labels: Floats, weights: Floats) -> tuple[float, float]:
    """Return slope and intercept with the least log-loss on logits [N] and labels [N]."""
    weights = weights / weights.sum()
    signs = np.where(labels == 1, 1.0, -1.0)

    def loss(values: Floats) -> tuple[float, Floats]:
        """Return the log-loss at slope and intercept, and its gradient."""
        margin = signs * (values[0] * evidence + values[1])
        pull = -weights * signs * expit(-margin)
        return float(-(weights * log_expit(margin)).sum()), np.array(
            [float((pull * evidence).sum()), float(pull.sum())]
        )

    bounds = [(0.05, 20), (-20, 20)]
    best = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=bounds)
    return float(best.x[0]), float(best.x[1])


def reweighted(probabilities: Floats, present: float, wanted: float) -> Floats:
    """Convert probabilities [N] from the prevalence `present` to the prevalence `wanted`."""
    clipped = probabilities.clip(1e-9, 1 - 1e-9)
    found: Floats = expit(logit(clipped) - logit(present) + logit(wanted))
    return found
