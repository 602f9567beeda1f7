"""How good probabilities are, from labels and probabilities alone."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import brier_score_loss, roc_auc_score

CUTOFFS = (0.5, 0.1)  # the report's two; always shown

Floats = NDArray[np.float64]
Json = dict[str, "float | list[float] | Json"]


def measure(labels: Floats, probabilities: Floats, cutoffs: Iterable[float] = ()) -> Json:
    """What there is to know about probabilities [N] of pneumonia, given labels [N] of 0 and 1.

    `at` holds, for the report's cutoffs and `cutoffs`, the counts of the four outcomes and the
    rates with their 95 % Wilson intervals; a rate of nothing, such as precision without positives,
    is left out.
    """
    return {
        "films": len(labels),
        "auc": float(roc_auc_score(labels, probabilities)),
        "brier": float(brier_score_loss(labels, probabilities)),
        "at": {
            f"{cutoff:g}": _at(labels == 1, probabilities >= cutoff)
            for cutoff in dict.fromkeys([*CUTOFFS, *cutoffs])
        },
    }


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
            interval = binomtest(count, total).proportion_ci(method="wilson")
            result[name] = count / total
            result[f"{name}_interval"] = [float(interval.low), float(interval.high)]
    return result
