"""How good probabilities are, from labels and probabilities alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AtCutoff:
    """What a cutoff gives; positive is p >= cutoff."""

    cutoff: float
    tp: int
    fp: int
    tn: int
    fn: int

    @property
    def accuracy(self) -> float:
        return (self.tp + self.tn) / (self.tp + self.fp + self.tn + self.fn)

    @property
    def recall(self) -> float:
        return self.tp / (self.tp + self.fn)

    @property
    def precision(self) -> float:
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else 0.0

    @property
    def specificity(self) -> float:
        return self.tn / (self.tn + self.fp)


def at_cutoff(labels: Floats, probabilities: Floats, cutoff: float) -> AtCutoff:
    """Count the four outcomes; labels are 0 or 1, of equal length with the probabilities."""
    sick, positive = labels == 1, probabilities >= cutoff
    return AtCutoff(
        cutoff,
        tp=int(np.sum(sick & positive)),
        fp=int(np.sum(~sick & positive)),
        tn=int(np.sum(~sick & ~positive)),
        fn=int(np.sum(sick & ~positive)),
    )


def auc(labels: Floats, scores: Floats) -> float:
    """Area under the ROC curve: the share of sick-healthy pairs in the right order, ties half."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last_rank = np.cumsum(counts)
    ranks = (last_rank - (counts - 1) / 2)[inverse]
    sick = labels == 1
    count, others = int(sick.sum()), int((~sick).sum())
    return float((ranks[sick].sum() - count * (count + 1) / 2) / (count * others))
