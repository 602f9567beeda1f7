"""What a network's logits mean: an affine fit for even classes, shifted to a stated prevalence."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logit

from training.evaluation.metrics import Floats

# Of children X-rayed for suspected pneumonia in North American studies, 19 % (11 to 31 %) had it on
# the film: Shah, Bachur, Simel and Neuman, JAMA 2017;318(5):462-471.
PREVALENCE = 0.19
SCALE = ("slope", "intercept", "prevalence")  # the names in a network's metadata


@dataclass(frozen=True)
class Scale:
    """From a film's logit difference (pneumonia less normal) to a probability.

    `slope` and `intercept` make it right where as many films are ill as healthy; `prevalence` is
    the share of ill films that the probability is for.
    """

    slope: float = 1.0
    intercept: float = 0.0
    prevalence: float = 0.5

    def told(self) -> dict[str, str]:
        """What the network's metadata say of it."""
        return {name: f"{getattr(self, name):.6g}" for name in SCALE}

    @property
    def shift(self) -> float:
        """What is added to the logit of even classes."""
        return float(logit(self.prevalence))

    def probabilities(self, differences: Floats) -> Floats:
        """Of pneumonia [N], for logit differences [N]."""
        found: Floats = expit(self.slope * differences + self.intercept + self.shift)
        return found


def fit_scale(differences: Floats, labels: Floats, prevalence: float = PREVALENCE) -> Scale:
    """The scale with the least log-loss on logit differences [N] with labels [N] of 0 and 1.

    Each class weighs the same, so how many films there are of it does not matter.
    """
    weights = np.where(labels == 1, 0.5 / labels.sum(), 0.5 / (1 - labels).sum())
    signs = np.where(labels == 1, 1.0, -1.0)

    def loss(values: Floats) -> float:
        return float(-(weights * log_expit(signs * (values[0] * differences + values[1]))).sum())

    best = minimize(loss, np.array([1.0, 0.0]), method="L-BFGS-B", bounds=[(0.05, 20), (-20, 20)])
    return Scale(float(best.x[0]), float(best.x[1]), prevalence)


def reweighted(probabilities: Floats, said: float, wanted: float) -> Floats:
    """Probabilities [N] for the prevalence `said`, as they are for the prevalence `wanted`."""
    clipped = probabilities.clip(1e-9, 1 - 1e-9)
    found: Floats = expit(logit(clipped) - logit(said) + logit(wanted))
    return found
