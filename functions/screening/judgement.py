"""From the endpoint's answer to a finding. Pure rules."""

import json
import math
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from screening.clock import stamp
from screening.refusals import Rejected, TryAgain


class Finding(StrEnum):
    NORMAL = "NORMAL"
    PNEUMONIA = "PNEUMONIA"
    REJECTED = "REJECTED"


@dataclass(frozen=True)
class Answer:
    """What the endpoint said; `model` only where the container names it."""

    probability: Decimal
    model: str | None
    variant: str | None


@dataclass(frozen=True)
class Judgement:
    """What was found on a film, when, by which network and with which cutoff.

    A rejected film has a reason, and perhaps a code for it, in place of a probability.
    """

    finding: Finding
    cutoff: Decimal
    classified: str
    probability: Decimal | None = None
    model: str | None = None
    variant: str | None = None
    reason: str | None = None
    code: str | None = None


# Room for the rounding of an 8-bit network and of its JSON; wider, and it is no softmax.
SUM_TOLERANCE = 0.01


def read_probability(answer: bytes) -> Decimal:
    """Return the probability of pneumonia, to 6 places, from the body `[p_normal, p_pneumonia]`.

    Anything else is the endpoint's fault, not the film's: it raises TryAgain.
    """
    try:
        values = json.loads(answer)
    except ValueError:
        raise TryAgain("The endpoint's answer is not JSON.") from None
    if not isinstance(values, list) or len(values) != 2:
        raise TryAgain("The endpoint's answer is not a list of two probabilities.")
    if not all(_is_probability(value) for value in values):
        raise TryAgain("The endpoint's answer holds something that is no probability from 0 to 1.")
    if abs(math.fsum(values) - 1) > SUM_TOLERANCE:
        raise TryAgain("The endpoint's two probabilities do not add up to 1.")
    return Decimal(f"{values[1]:.6f}")


def finding_of(probability: Decimal, cutoff: Decimal) -> Finding:
    """The cutoff itself counts as pneumonia."""
    return Finding.PNEUMONIA if probability >= cutoff else Finding.NORMAL


def judge(answer: Answer, cutoff: Decimal, at: datetime) -> Judgement:
    return Judgement(
        finding=finding_of(answer.probability, cutoff),
        cutoff=cutoff,
        classified=stamp(at),
        probability=answer.probability,
        model=answer.model,
        variant=answer.variant,
    )


def reject(rejection: Rejected, cutoff: Decimal, at: datetime) -> Judgement:
    return Judgement(
        Finding.REJECTED, cutoff, stamp(at), reason=str(rejection), code=rejection.code
    )


def _is_probability(value: object) -> bool:
    # True and False are ints to Python; NaN fails every comparison.
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
