"""Metrics of probabilities, from labels and probabilities alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from training.evaluation.calibration import (
    Floats,
    Rate,
    expected_error,
    reliability,
    slope_and_intercept,
    weights_for,
    wilson,
)

CUTOFFS = (0.5, 0.1)  # the report's two, which are always shown
RATES = ("accuracy", "recall", "precision", "specificity", "npv")

Json: TypeAlias = dict[str, Any]  # the contents of metrics.json


@dataclass(frozen=True)
class ExpectedPerThousand:
    """Expected numbers among 1,000 films, each as (value, low, high) from the rates' intervals."""

    alerts: float
    true: tuple[float, float, float]
    missed: tuple[float, float, float]
    false: tuple[float, float, float]

    @property
    def precision(self) -> float:
        return self.true[0] / self.alerts if self.alerts else 0.0

    @property
    def npv(self) -> float:
        """Return the share of the films without an alert that are normal."""
        quiet = 1000 - self.alerts
        return (quiet - self.missed[0]) / quiet if quiet else 0.0


def measure(
    labels: Floats,
    probabilities: Floats,
    cutoffs: Iterable[float] = (),
    prevalence: float | None = None,
) -> Json:
    """Return all figures of probabilities [N] of pneumonia, given labels [N] of 0 and 1.

    With `prevalence`, all figures of calibration, and `auprc`, weight the films to that prevalence.
    `ece` is the expected calibration error: over BINS equal intervals of the probability, the mean
    distance between mean probability and share with pneumonia. `slope` and `intercept` belong to
    the line that would correct the logits: 1 and 0 are perfect. `at` has, for the report's cutoffs
    and `cutoffs`, the counts of the four outcomes and the rates, with their 95 % Wilson intervals;
    a rate without a denominator, e.g. precision without positives, is left out.
    """
    weights = weights_for(labels, prevalence)
    slope, intercept = slope_and_intercept(labels, probabilities, prevalence)
    return {
        "films": len(labels),
        "auc": float(roc_auc_score(labels, probabilities)),
        "prevalence": float(labels.mean()) if prevalence is None else prevalence,
        "auprc": float(average_precision_score(labels, probabilities, sample_weight=weights)),
        "brier": float(brier_score_loss(labels, probabilities, sample_weight=weights)),
        "ece": expected_error(reliability(labels, probabilities, prevalence)),
        "slope": slope,
        "intercept": intercept,
        "at": {
            f"{cutoff:g}": _at(labels == 1, probabilities >= cutoff)
            for cutoff in dict.fromkeys([*CUTOFFS, *cutoffs])
        },
    }


def measure_subgroup(
    labels: Floats, probabilities: Floats, group: NDArray[np.bool_], cutoffs: Iterable[float] = ()
) -> Json:
    """Return sensitivity in `group` [N] of the films with pneumonia, and AUC against all normals.

    Figures that depend on the normal films alone, such as specificity, are left out.
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


def net_benefit(sensitivity: Floats, specificity: Floats, cutoffs: Floats, ill: float) -> Floats:
    """Return true positives per film, minus false ones at the exchange rate of the cutoff.

    All are of shape [N]; `ill` is the prevalence. A reader who acts from probability t on considers
    a missed film (1 - t) / t times as bad as a false alarm (Vickers and Elkin, 2006).
    """
    return sensitivity * ill - (1 - specificity) * (1 - ill) * cutoffs / (1 - cutoffs)


def per_thousand(sensitivity: Rate, specificity: Rate, ill: float) -> ExpectedPerThousand:
    """Return the outcomes of 1,000 films at the prevalence `ill`."""
    sick, healthy = 1000 * ill, 1000 * (1 - ill)
    found = (sensitivity.share, sensitivity.low, sensitivity.high)
    right = (specificity.share, specificity.high, specificity.low)
    true = _three(sick * share for share in found)
    false = _three(healthy * (1 - share) for share in right)
    missed = _three(sick * (1 - share) for share in (found[0], found[2], found[1]))
    return ExpectedPerThousand(true[0] + false[0], true, missed, false)


def rates(at: Json) -> dict[str, Rate]:
    """Return the rates in one entry of `at`, by name; without rates that have no denominator."""
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
        "npv": (tn, tn + fn),
    }
    for name, (count, total) in shares.items():
        if total:
            rate = wilson(count, total)
            result[name] = rate.share
            result[f"{name}_interval"] = [rate.low, rate.high]
    return result
