"""The shipped network's answers for held-out films, unchanged and changed.

`python -m benchmarks.drift_films --data chest_xray --adults adult_chest` writes
`drift_films.json`, which the simulated sites of `benchmarks.drift` draw from.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cxr_alert.local.processes import ROOT
from serving.gate import KINDS
from serving.network import Network
from training.dataset.chosen import chosen_films
from training.dataset.folder import Film, Patient
from training.evaluation.renderings import answers
from training.evaluation.rerender import RENDERINGS, SPOILT, UNSEEN

FILE = Path(__file__).parent / "drift_films.json"
NETWORK = ROOT / "model" / "cxr-resnet18.onnx"
UNCHANGED, ADULT = "as it is", "adult"
CHANGES = ("inverted", "cut all around", "ends of the greys clipped")
ADULTS = 657  # as many as the held-out children's films


@dataclass(frozen=True)
class Answer:
    """The probability of pneumonia, or the code of the gate's rejection."""

    probability: float
    code: str = ""


@dataclass(frozen=True)
class Pool:
    """The answers for one kind of film, with and without pneumonia."""

    healthy: Sequence[Answer]
    ill: Sequence[Answer]


@cache
def pools() -> Mapping[str, Pool]:
    """Return the stored answers, by the change made to the films."""
    stored = json.loads(FILE.read_text())
    return {
        name: Pool(*([Answer(*each) for each in found[label]] for label in ("healthy", "ill")))
        for name, found in stored["films"].items()
    }


def _asked(network: Network, films: list[Film], names: Sequence[str]) -> dict[str, object]:
    renderings = {name: (RENDERINGS | UNSEEN | SPOILT)[name] for name in names}
    found = answers(network, films, renderings)
    known: dict[str, object] = {}
    for column, name in enumerate(names):
        rows = zip(found.probabilities[:, column], found.kinds[:, column], strict=True)
        given = [[round(p, 4), KINDS[kind]] if kind else [round(p, 4)] for p, kind in rows]
        known[name] = {
            label: [each for each, film in zip(given, films, strict=True) if film.label == number]
            for number, label in enumerate(("healthy", "ill"))
        }
    return known


def _adults(folder: Path) -> list[Film]:
    paths = sorted(folder.glob("*.jpeg"))
    step = max(1, len(paths) // ADULTS)
    return [Film(path, 0, Patient(0, "", 0, path.stem)) for path in paths[::step][:ADULTS]]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift_films", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--adults", type=Path, required=True, metavar="FOLDER")
    chosen = parser.parse_args()
    network = Network(NETWORK, 2)
    held_out = chosen_films(chosen.data, ROOT / "model" / "validation.txt")
    found = _asked(network, held_out, (UNCHANGED, *CHANGES))
    found[ADULT] = _asked(network, _adults(chosen.adults), (UNCHANGED,))[UNCHANGED]
    FILE.write_text(json.dumps({"network": network.name, "films": found}) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
