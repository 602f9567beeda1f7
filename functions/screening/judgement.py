"""Turn the endpoint's answer into a finding. Pure."""

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
    """The endpoint's answer.

    `model`, `gate` and `map` are None if the container does not send them.
    """

    probability: Decimal
    model: str | None
    variant: str | None
    gate: str | None = None
    map: str | None = None


@dataclass(frozen=True)
class Judgement:
    """The finding on a film, with time, network and cutoff.

    A rejected film has a reason and a code instead of a probability. `gate` is `off` if a person
    had the film screened without the gate. `map` is the saliency map: two digits for each cell of a
    square grid, row by row, 99 for the maximum.
    """

    finding: Finding
    cutoff: Decimal
    classified: str
    probability: Decimal | None = None
    model: str | None = None
    variant: str | None = None
    reason: str | None = None
    code: str | None = None
    gate: str | None = None
    map: str | None = None


# Tolerance for the rounding of an 8-bit network and of its JSON; larger errors mean no softmax.
SUM_TOLERANCE = 0.01


def read_probability(answer: bytes) -> Decimal:
    """Return the probability of pneumonia, to 6 places, from the body `[p_normal, p_pneumonia]`.

    Any other body is the endpoint's fault, not the film's, and raises TryAgain.
    """
    try:
        values = json.loads(answer)
    except ValueError:
        raise TryAgain("The endpoint's answer is not JSON.") from None
    if not isinstance(values, list) or len(values) != 2:
        raise TryAgain("The endpoint's answer is not a list of two probabilities.")
    if not all(_is_probability(value) for value in values):
        raise TryAgain("The endpoint's answer has a value that is not a probability from 0 to 1.")
    if abs(math.fsum(values) - 1) > SUM_TOLERANCE:
        raise TryAgain("The endpoint's two probabilities do not add up to 1.")
    return Decimal(f"{values[1]:.6f}")


def finding_of(probability: Decimal, cutoff: Decimal) -> Finding:
    """Return the finding; a probability equal to the cutoff is PNEUMONIA."""
    return Finding.PNEUMONIA if probability >= cutoff else Finding.NORMAL


def judge(answer: Answer, cutoff: Decimal, at: datetime) -> Judgement:
    finding = finding_of(answer.probability, cutoff)
    return Judgement(
        finding=finding,
        cutoff=cutoff,
        classified=stamp(at),
        probability=answer.probability,
        model=answer.model,
        variant=answer.variant,
        gate=answer.gate,
        map=answer.map if finding is Finding.PNEUMONIA else None,
    )


def reject(rejection: Rejected, cutoff: Decimal, at: datetime) -> Judgement:
    return Judgement(
        Finding.REJECTED, cutoff, stamp(at), reason=str(rejection), code=rejection.code
    )


def _is_probability(value: object) -> bool:
    # In Python, True and False are ints; NaN fails every comparison.
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
