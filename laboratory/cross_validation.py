"""Cross-validation of the calibration: each block of patients is measured with that of the others.

The films are used as they are, and in the renderings that no augmentation uses.
"""

import json
import os
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.special import logit

from laboratory.yardstick import BLOCKS, blocks_of
from serving.network import Network
from training.dataset.chosen import chosen_films
from training.evaluation.evaluate import labels_of
from training.evaluation.metrics import Json, measure
from training.evaluation.renderings import answers
from training.evaluation.rerender import RENDERINGS, UNSEEN
from training.learning.rescale import scale_of
from training.learning.scale import fit_scale

_AS_IT_IS = "as it is"
_LEAST = 1e-7


def cross_validate(
    data: Path, model: Path, out: Path, cutoff: float, only: Path | None = None
) -> Json:
    """Measure the network in `model` on films; each block is calibrated on the others.

    The calibration is fitted on unchanged films only. Returns, for each rendering, the figures of
    `metrics.measure` and `refused`, the share that the gate rejects, and writes them to
    `cross-validation.json` in `out`. `only` is as in `chosen_films`.
    """
    films = chosen_films(data, only)
    labels, block = labels_of(films), blocks_of(films)
    renderings = {_AS_IT_IS: RENDERINGS[_AS_IT_IS], **UNSEEN}
    found = answers(Network(model, os.cpu_count() or 1), films, renderings)
    before = scale_of(model)
    evidence = logit(found.probabilities.clip(_LEAST, 1 - _LEAST))
    differences = (evidence - before.intercept - before.shift) / before.slope
    probabilities = np.empty_like(differences)
    for each in range(BLOCKS):
        here = block == each
        scale = fit_scale(differences[~here, 0], labels[~here], before.prevalence)
        probabilities[here] = scale.probabilities(differences[here])
    result: Json = {
        name: {
            "refused": float(found.refused[:, column].mean()),
            **measure(labels, probabilities[:, column], [cutoff], before.prevalence),
        }
        for column, name in enumerate(renderings)
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "cross-validation.json").write_text(json.dumps(result, indent=2) + "\n")
    return result


def show(result: Json, cutoff: float) -> None:
    """Print a table with a row for each rendering."""
    called = f"{cutoff:g}"
    table = Table(caption=f"Recall and specificity at {called}, cross-validated.")
    for column in ("films", "refused", "AUC", "recall", "specificity"):
        table.add_column(column, no_wrap=True)
    for name, row in result.items():
        at = row["at"][called]
        numbers = (row["refused"], row["auc"], at["recall"], at["specificity"])
        table.add_row(name, *(f"{number:.3f}" for number in numbers))
    Console(highlight=False, soft_wrap=True).print(table)
