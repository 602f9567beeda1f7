"""The sample films: the same bytes must get the same probability, whatever films come.

They tell a changed network, container or endpoint from changed films. They go to the endpoint as
`classify` sends a film, so what reads DICOM before it is not among what they try.
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
# Of what the shipped network answers on the machine that made known.json: another kind of processor
# may round otherwise. What one endpoint answers is compared digit by digit.
NEAR = 0.02


@dataclass(frozen=True)
class Answered:
    """What the endpoint says of the samples, as text: a probability or the code of a refusal."""

    network: str
    answers: Mapping[str, str]


def ask_samples(endpoint: Endpoint) -> Answered:
    """Ask about each film; raise TryAgain where the endpoint does not answer."""
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
    """Return the signals, and how many films are answered otherwise than they should be.

    `first` are the endpoint's own first answers, by the network `first_of`: a new network has none.
    """
    expected = first if first_of == answered.network else {}
    changed = {name for name, said in answered.answers.items() if expected.get(name, said) != said}
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
        far = {name for name, said in answered.answers.items() if not _near(said, known[name])}
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


def _near(said: str, known: str) -> bool:
    try:
        return abs(float(said) - float(known)) <= NEAR
    except ValueError:  # it was refused
        return False


@cache
def _known() -> tuple[str, Mapping[str, str]]:
    found = json.loads((_FILMS / "known.json").read_text())
    return found["network"], found["probabilities"]
