"""The scale of a network: an affine fit of its logits for even classes, shifted to a prevalence."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from training.evaluation.calibration import Floats, fit_line, weights_for

# Of children X-rayed for suspected pneumonia in North American studies, 19 % (11 to 31 %) had it on
# the film: Shah, Bachur, Simel and Neuman, JAMA 2017;318(5):462-471.
PREVALENCE = 0.19
DRAWS = 200
FEWEST_PATIENTS = 10
SEED = 0
SCALE = ("slope", "intercept", "prevalence")  # the names in a network's metadata


@dataclass(frozen=True)
class Scale:
    """Turns a film's logit difference (pneumonia less normal) into a probability.

    `slope` and `intercept` calibrate it for even classes; `prevalence` is the prevalence that the
    probability is for.
    """

    slope: float = 1.0
    intercept: float = 0.0
    prevalence: float = 0.5

    def properties(self) -> dict[str, str]:
        """Return the scale in the network's metadata."""
        return {name: f"{getattr(self, name):.6g}" for name in SCALE}

    @property
    def shift(self) -> float:
        """Return the offset from the logit at balanced classes to that at a prevalence."""
        return float(logit(self.prevalence))

    def probabilities(self, differences: Floats) -> Floats:
        """Return the probabilities of pneumonia [N] for logit differences [N]."""
        found: Floats = expit(self.slope * differences + self.intercept + self.shift)
        return found


def fit_scale(differences: Floats, labels: Floats, prevalence: float = PREVALENCE) -> Scale:
    """Return the scale with the least log-loss on logit differences [N] with labels [N] of 0 and 1.

    Both classes have the same weight, however many films they have.
    """
    slope, intercept = fit_line(differences, labels, weights_for(labels, 0.5))
    return Scale(slope, intercept, prevalence)


def scale_interval(
    scale: Scale,
    differences: Floats,
    labels: Floats,
    patients: Sequence[Hashable],
    probability: float,
) -> tuple[float, float] | None:
    """Return the 95 % interval, over other patients, for a film at `probability` of `scale`.

    Patients are drawn with replacement within each class, with all their films, as many as there
    are; each draw gives one scale. The seed is fixed. Returns None for fewer than ten
    patients in a class, too few for resampling.
    """
    random = np.random.default_rng(SEED)
    at = (logit(probability) - scale.intercept - scale.shift) / scale.slope
    by_class = [_by_patient(patients, labels == label) for label in (0, 1)]
    if min(map(len, by_class)) < FEWEST_PATIENTS:
        return None
    given = []
    for _ in range(DRAWS):
        drawn = np.concatenate(
            [
                np.concatenate([films[i] for i in random.integers(len(films), size=len(films))])
                for films in by_class
            ]
        )
        other = fit_scale(differences[drawn], labels[drawn], scale.prevalence)
        given.append(float(other.probabilities(np.array([at]))[0]))
    low, high = np.percentile(given, [2.5, 97.5])
    return float(low), float(high)


def _by_patient(patients: Sequence[Hashable], inside: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    films: dict[Hashable, list[int]] = {}
    for number in np.flatnonzero(inside):
        films.setdefault(patients[int(number)], []).append(int(number))
    return [np.array(each) for each in films.values()]
