"""`cxr-alert crossfit`: what the scale is worth on films that it was not fitted on.

The films are parted into blocks of patients. Each block is measured with the scale that the others
call for, as they are and in the renderings that no augmentation uses.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.special import logit

from serving.network import Network
from training.dataset.folder import Film
from training.evaluation.calibration import Floats
from training.evaluation.evaluate import chosen_films, labels_of
from training.evaluation.metrics import Json, measure
from training.evaluation.renderings import answers
from training.evaluation.rerender import RENDERINGS, UNSEEN
from training.learning.rescale import scale_of
from training.learning.scale import fit_scale

BLOCKS = 3
_AS_IT_IS = "as it is"
_LEAST = 1e-7


def crossfit(data: Path, model: Path, out: Path, cutoff: float, only: Path | None = None) -> Json:
    """Measure the network in `model` on the films below `data`, each block by the others' scale.

    The scale is fitted on films as they are alone. Leaves `crossfit.json` in `out` (for each
    rendering what `metrics.measure` gives, and `refused`, the share that the gate refuses), and
    returns what that holds. `only` as in `chosen_films`.
    """
    films = chosen_films(data, only)
    labels, block = labels_of(films), blocks(films)
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
    (out / "crossfit.json").write_text(json.dumps(result, indent=2) + "\n")
    return result


def blocks(films: Sequence[Film]) -> Floats:
    """The block [N], from 0, of each film: patients follow one another, and stay whole."""
    block = np.zeros(len(films))
    for label in (0, 1):
        patients = sorted({film.patient for film in films if film.label == label})
        place = {patient: index * BLOCKS // len(patients) for index, patient in enumerate(patients)}
        for index, film in enumerate(films):
            if film.label == label:
                block[index] = place[film.patient]
    return block


def show(result: Json, cutoff: float) -> None:
    """Print a table with a row for each rendering."""
    called = f"{cutoff:g}"
    table = Table(caption=f"Recall and specificity at {called}; each block by the others' scale.")
    for column in ("films", "refused", "AUC", "recall", "specificity"):
        table.add_column(column, no_wrap=True)
    for name, row in result.items():
        at = row["at"][called]
        numbers = (row["refused"], row["auc"], at["recall"], at["specificity"])
        table.add_row(name, *(f"{number:.3f}" for number in numbers))
    Console(highlight=False, soft_wrap=True).print(table)
