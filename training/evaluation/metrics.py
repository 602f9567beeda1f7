"""How good probabilities are, from labels and probabilities alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import brier_score_loss, roc_auc_score

CUTOFFS = (0.5, 0.1)  # the report's two; always shown
BINS = 10
RATES = ("accuracy", "recall", "precision", "specificity")

Floats = NDArray[np.float64]
Json: TypeAlias = dict[str, Any]  # what metrics.json holds


@dataclass(frozen=True)
class Rate:
    """A share of films with its 95 % Wilson interval."""

    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Bin:
    """The films whose probabilities lie in one stretch, and the share of them that is ill."""

    films: int
    mean_probability: float
    observed: Rate


@dataclass(frozen=True)
class ExpectedPerThousand:
    """What to expect among 1,000 films; each as (value, low, high) by the rates' intervals."""

    alerts: float
    true: tuple[float, float, float]
    missed: tuple[float, float, float]
    false: tuple[float, float, float]

    @property
    def precision(self) -> float:
        return self.true[0] / self.alerts if self.alerts else 0.0


def measure(labels: Floats, probabilities: Floats, cutoffs: Iterable[float] = ()) -> Json:
    """What there is to know about probabilities [N] of pneumonia, given labels [N] of 0 and 1.

    `ece` is the expected calibration error: over BINS equal stretches of the probability, how far
    the mean probability is from the share of ill films, weighted by films. `at` holds, for the
    report's cutoffs and `cutoffs`, the counts of the four outcomes and the rates with their 95 %
    Wilson intervals; a rate of nothing, such as precision without positives, is left out.
    """
    return {
        "films": len(labels),
        "auc": float(roc_auc_score(labels, probabilities)),
        "brier": float(brier_score_loss(labels, probabilities)),
        "ece": sum(
            abs(each.mean_probability - each.observed.share) * each.films / len(labels)
            for each in reliability(labels, probabilities)
        ),
        "at": {
            f"{cutoff:g}": _at(labels == 1, probabilities >= cutoff)
            for cutoff in dict.fromkeys([*CUTOFFS, *cutoffs])
        },
    }


def measure_subgroup(
    labels: Floats, probabilities: Floats, group: NDArray[np.bool_], cutoffs: Iterable[float] = ()
) -> Json:
    """How the ill films in `group` [N] fare: how many are found, and their AUC against all normals.

    Everything that depends on the normal films alone, such as specificity, is left out.
    """
    counted = group | (labels == 0)
    at: Json = {}
    for cutoff in dict.fromkeys([*CUTOFFS, *cutoffs]):
        found = int(np.sum(probabilities[group] >= cutoff))
        all_ill = int(np.sum(group))
        recall = wilson(found, all_ill)
        at[f"{cutoff:g}"] = {
            "tp": found,
            "fn": all_ill - found,
            "recall": recall.share,
            "recall_interval": [recall.low, recall.high],
        }
    return {
        "films": int(np.sum(group)),
        "auc": float(roc_auc_score(labels[counted], probabilities[counted])),
        "at": at,
    }


def wilson(count: int, total: int) -> Rate:
    """Give `count` of `total`, which is not 0, with its interval (Wilson, 1927)."""
    interval = binomtest(count, total).proportion_ci(method="wilson")
    return Rate(count / total, float(interval.low), float(interval.high))


def reliability(labels: Floats, probabilities: Floats) -> list[Bin]:
    """The films in BINS equal stretches of the probability; a stretch without films is left out."""
    place = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    return [
        Bin(
            films=int(inside.sum()),
            mean_probability=float(probabilities[inside].mean()),
            observed=wilson(int(labels[inside].sum()), int(inside.sum())),
        )
        for number in range(BINS)
        if (inside := place == number).any()
    ]


def net_benefit(sensitivity: Floats, specificity: Floats, cutoffs: Floats, ill: float) -> Floats:
    """True positives per film, less the false ones at the exchange rate that a cutoff implies.

    All of shape [N]; `ill` is the share of ill films. A reader who acts from probability t on finds
    a missed film (1 - t) / t times as bad as a false alarm (Vickers and Elkin, 2006).
    """
    return sensitivity * ill - (1 - specificity) * (1 - ill) * cutoffs / (1 - cutoffs)


def per_thousand(sensitivity: Rate, specificity: Rate, ill: float) -> ExpectedPerThousand:
    """What 1,000 films bring of which the share `ill` shows pneumonia."""
    sick, healthy = 1000 * ill, 1000 * (1 - ill)
    found = (sensitivity.share, sensitivity.low, sensitivity.high)
    right = (specificity.share, specificity.high, specificity.low)
    true = _three(sick * share for share in found)
    false = _three(healthy * (1 - share) for share in right)
    missed = _three(sick * (1 - share) for share in (found[0], found[2], found[1]))
    return ExpectedPerThousand(true[0] + false[0], true, missed, false)


def rates(at: Json) -> dict[str, Rate]:
    """The rates in one entry of `at`, by name; one of nothing is not among them."""
    names = [name for name in RATES if name in at]
    return {name: Rate(at[name], *at[f"{name}_interval"]) for name in names}


def _three(values: Iterable[float]) -> tuple[float, float, float]:
    value, low, high = values
    return value, low, high


def _at(sick: NDArray[np.bool_], positive: NDArray[np.bool_]) -> Json:
    tp, fp = int(np.sum(sick & positive)), int(np.sum(~sick & positive))
    tn, fn = int(np.sum(~sick & ~positive)), int(np.sum(sick & ~positive))
    result: Json = {"tp": tp, "fp": fp, "tn": tn, "fn": fn}
    shares = {
        "accuracy": (tp + tn, tp + fp + tn + fn),
        "recall": (tp, tp + fn),
        "precision": (tp, tp + fp),
        "specificity": (tn, tn + fp),
    }
    for name, (count, total) in shares.items():
        if total:
            rate = wilson(count, total)
            result[name] = rate.share
            result[f"{name}_interval"] = [rate.low, rate.high]
    return result
