"""The interval of the AUC for other patients, by a bootstrap over patients, not films."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from training.evaluation.calibration import Floats

DRAWS = 2000
SEED = 0
_AT_A_TIME = 100  # draws at once, which bounds the memory


def auc_interval(
    labels: Floats, probabilities: Floats, patients: Sequence[Hashable]
) -> list[float] | None:
    """Return the 95 % interval of the AUC of probabilities [N], given labels and patients [N].

    Patients are drawn with replacement within each class, with all their films, since two films of
    one child carry less information than two children. The seed is fixed: the same films give the
    same interval. Returns None if resampling gives no information: a single patient in a class, or
    classes that the probabilities separate without an error.
    """
    # Draws only repeat patients, so films are weighted by their number of draws and ranked once.
    levels, level = np.unique(probabilities, return_inverse=True)
    random = np.random.default_rng(SEED)
    sick = _Class(labels == 1, level, len(levels), patients)
    well = _Class(labels == 0, level, len(levels), patients)
    ill, normal = probabilities[labels == 1], probabilities[labels == 0]
    separated = ill.min() > normal.max() or ill.max() < normal.min()
    if separated or sick.patients < 2 or well.patients < 2:
        return None
    draws = np.concatenate(
        [
            _auc(sick.draw(random, _AT_A_TIME), well.draw(random, _AT_A_TIME))
            for _ in range(DRAWS // _AT_A_TIME)
        ]
    )
    return [float(bound) for bound in np.percentile(draws, [2.5, 97.5])]


class _Class:
    """The films of one class: how many each patient has at each level of probability."""

    def __init__(
        self,
        inside: NDArray[np.bool_],
        level: NDArray[np.intp],
        levels: int,
        patients: Sequence[Hashable],
    ) -> None:
        number: dict[Hashable, int] = {}
        rows = [
            number.setdefault(patient, len(number))
            for patient, here in zip(patients, inside, strict=True)
            if here
        ]
        self.patients = len(number)
        films = (np.ones(len(rows)), (rows, level[inside]))
        self._films = csr_array(films, shape=(self.patients, levels))

    def draw(self, random: np.random.Generator, draws: int) -> Floats:
        """Return films at each level [draws, levels]; a draw has as many patients as there are."""
        even = np.full(self.patients, 1 / self.patients)
        drawn = random.multinomial(self.patients, even, size=draws)
        films: Floats = drawn @ self._films
        return films


def _auc(sick: Floats, well: Floats) -> Floats:
    """Return, per row, the share of pairs in the right order; ties count half."""
    below = np.cumsum(well, axis=1) - well / 2
    share: Floats = (sick * below).sum(axis=1) / (sick.sum(axis=1) * well.sum(axis=1))
    return share
