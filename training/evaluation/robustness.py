"""`cxr-alert robustness`: measure a network on renderings of films."""

import json
import os
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from serving.network import Network
from training.dataset.chosen import chosen_films
from training.evaluation.calibration import Floats
from training.evaluation.evaluate import labels_of
from training.evaluation.metrics import Json, measure
from training.evaluation.renderings import answers
from training.evaluation.rerender import RENDERINGS, SPOILT, UNSEEN


def robustness(data: Path, model: Path, out: Path, cutoff: float, only: Path | None = None) -> Json:
    """Measure the network in `model` on the films below `data`, once for each rendering.

    Writes `robustness.json` to `out` (for each rendering the figures of `metrics.measure`, and
    `refused`, the share that its gate rejects), and returns its contents. Of spoilt films, only
    those that the gate accepts are measured, if there are any of both classes. `only` is as in
    `chosen_films`.
    """
    films = chosen_films(data, only)
    renderings = RENDERINGS | UNSEEN | SPOILT
    network = Network(model, os.cpu_count() or 1)
    found = answers(network, films, renderings)
    labels = labels_of(films)
    result: Json = {}
    for column, name in enumerate(renderings):
        judged = np.ones(len(films), dtype=bool)
        if name in SPOILT:
            judged = ~found.refused[:, column]
        probabilities = found.probabilities[judged, column]
        result[name] = {
            "refused": float(found.refused[:, column].mean()),
            **_measured(labels[judged], probabilities, cutoff, network.prevalence),
        }
    out.mkdir(parents=True, exist_ok=True)
    (out / "robustness.json").write_text(json.dumps(result, indent=2) + "\n")
    return result


def _measured(
    labels: Floats, probabilities: Floats, cutoff: float, prevalence: float | None
) -> Json:
    both = 0 < labels.sum() < len(labels)
    return measure(labels, probabilities, [cutoff], prevalence) if both else {"films": len(labels)}


def show(result: Json, cutoff: float) -> None:
    """Print a table with a row for each rendering."""
    called = f"{cutoff:g}"
    table = Table(caption=f"Recall and specificity at {called}; robustness.json has intervals.")
    for column in ("films", "refused", "AUC", "Brier", "recall", "specificity"):
        table.add_column(column, no_wrap=True)
    for name, measured in result.items():
        cells = ["-"] * 4
        if "at" in measured:
            at = measured["at"][called]
            cells = [
                f"{measured['auc']:.3f}",
                f"{measured['brier']:.3f}",
                f"{at['recall']:.3f}",
                f"{at['specificity']:.3f}",
            ]
        table.add_row(name, f"{measured['refused']:.3f}", *cells)
    Console(highlight=False, soft_wrap=True).print(table)
