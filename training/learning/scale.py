"""What a network's logits mean: an affine fit for even classes, shifted to a stated prevalence."""

from dataclasses import dataclass

from scipy.special import expit, logit

from training.evaluation.calibration import Floats, fit_line, weights_for

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
    slope, intercept = fit_line(differences, labels, weights_for(labels, 0.5))
    return Scale(slope, intercept, prevalence)
