"""The sample films: the same bytes must always get the same probability.

They distinguish a changed network, container or endpoint from changed films. They are sent to the
endpoint as `classify` sends films, so they do not test the rendering of DICOM.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from aws.endpoint import Endpoint
from drift.state import Signal
from screening.refusals import Rejected

_FILMS = Path(__file__).parent / "films"
# Tolerance to the answers in known.json: another kind of processor may round differently. Answers
# of the same endpoint are compared digit by digit.
NEAR = 0.02


@dataclass(frozen=True)
class Answered:
    """The endpoint's answers for the samples, as text: a probability, or a rejection code."""

    network: str
    answers: Mapping[str, str]


def ask_samples(endpoint: Endpoint) -> Answered:
    """Send each film to the endpoint; raise TryAgain if the endpoint does not answer."""
    network, answers = "", {}
    for path in sorted(_FILMS.glob("*.jpeg")):
        try:
            answer = endpoint.ask(path.read_bytes())
        except Rejected as refused:
            answers[path.name] = refused.code
        else:
            network = answer.model or network
            answers[path.name] = f"{answer.probability:.6f}"
    return Answered(network, answers)


def compare(
    answered: Answered, first: Mapping[str, str], first_of: str
) -> tuple[list[Signal], int]:
    """Return the signals, and how many films got an unexpected answer.

    `first` are the first answers of this endpoint, by the network `first_of`; a new network has
    none.
    """
    expected = first if first_of == answered.network else {}
    changed = {
        name for name, answer in answered.answers.items() if expected.get(name, answer) != answer
    }
    signals = []
    if changed:
        name = min(changed)
        signals.append(
            Signal(
                "samples",
                f"{len(changed)} of {len(answered.answers)} sample films get another answer than "
                f"in the first night: {name} {answered.answers[name]}, then {expected[name]}.",
            )
        )
    network, known = _known()
    if answered.network == network:
        far = {name for name, answer in answered.answers.items() if not _near(answer, known[name])}
        if far:
            name = min(far)
            signals.append(
                Signal(
                    "samples-known",
                    f"{len(far)} of {len(answered.answers)} sample films get another answer than "
                    f"{network} gave: {name} {answered.answers[name]}, known {known[name]}.",
                )
            )
        changed |= far
    return signals, len(changed)


def _near(answer: str, known: str) -> bool:
    try:
        return abs(float(answer) - float(known)) <= NEAR
    except ValueError:  # it was refused
        return False


@cache
def _known() -> tuple[str, Mapping[str, str]]:
    found = json.loads((_FILMS / "known.json").read_text())
    return found["network"], found["probabilities"]
