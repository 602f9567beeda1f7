"""`cxr-alert compare`: two networks on the same films, told apart by the same patients."""

import json
import os
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from serving.network import Network
from training.evaluation.bootstrap import SEED
from training.evaluation.calibration import Floats
from training.evaluation.evaluate import chosen_films, labels_of
from training.evaluation.metrics import Json
from training.evaluation.renderings import answers
from training.evaluation.rerender import RENDERINGS, UNSEEN

RECALL = 0.97
DRAWS = 1000
CHOOSING = ("as it is", *UNSEEN)  # what the figures that choose are averaged over

Statistic = Callable[[Floats, Floats, Floats], float]


def compare(
    data: Path, one: Path, other: Path, out: Path, cutoff: float, only: Path | None = None
) -> Json:
    """Measure the networks `one` and `other` on the films below `data` in every rendering.

    For each rendering, and averaged over those in CHOOSING: the specificity at the cutoff where
    recall is RECALL, the AUC, and recall and specificity at `cutoff`; of both networks, and the
    difference with the 95 % interval of a bootstrap that draws the same patients for both. Leaves
    `comparison.json` in `out`, and returns what that holds.
    """
    films = chosen_films(data, only)
    labels = labels_of(films)
    weights = draw_patients(labels, [film.patient for film in films], DRAWS)
    renderings = RENDERINGS | UNSEEN
    threads = os.cpu_count() or 1
    networks = [Network(path, threads) for path in (one, other)]
    found = [answers(network, films, renderings).probabilities for network in networks]
    statistics: dict[str, Statistic] = {
        f"specificity at recall {RECALL}": specificity_at_recall,
        "AUC": weighted_auc,
        f"recall at {cutoff:g}": lambda y, p, w: float(
            np.average(p[y == 1] >= cutoff, weights=w[y == 1])
        ),
        f"specificity at {cutoff:g}": lambda y, p, w: float(
            np.average(p[y == 0] < cutoff, weights=w[y == 0])
        ),
    }
    result: Json = {"networks": [network.name for network in networks]}
    for name, statistic in statistics.items():
        # [2, R, 1 + DRAWS]: the films as they are, then each draw of patients.
        values = np.array(
            [
                [
                    [statistic(labels, column, weight) for weight in weights]
                    for column in probabilities.T
                ]
                for probabilities in found
            ]
        )
        rows = {each: values[:, index] for index, each in enumerate(renderings)}
        chosen = [index for index, each in enumerate(renderings) if each in CHOOSING]
        rows["mean that chooses"] = values[:, chosen].mean(axis=1)
        result[name] = {each: _difference(*pair) for each, pair in rows.items()}
    out.mkdir(parents=True, exist_ok=True)
    (out / "comparison.json").write_text(json.dumps(result, indent=2) + "\n")
    return result


def draw_patients(labels: Floats, patients: Sequence[Hashable], draws: int) -> Floats:
    """How often each film counts [1 + draws, N]: once; then as often as its patient is drawn.

    Patients are drawn with replacement within each class, all films of one together.
    """
    random = np.random.default_rng(SEED)
    weights = np.ones((1 + draws, len(labels)))
    for label in (0, 1):
        inside = np.flatnonzero(labels == label)
        owners = [patient for patient, each in zip(patients, labels, strict=True) if each == label]
        number = {each: place for place, each in enumerate(dict.fromkeys(owners))}
        owner = np.array([number[each] for each in owners])
        even = np.full(len(number), 1 / len(number))
        weights[1:, inside] = random.multinomial(len(number), even, size=draws)[:, owner]
    return weights


def specificity_at_recall(labels: Floats, probabilities: Floats, weights: Floats) -> float:
    """The share of normal films below the highest cutoff that finds RECALL of the ill ones."""
    ill, weight = probabilities[labels == 1], weights[labels == 1]
    order = np.argsort(-ill, kind="stable")
    found = np.cumsum(weight[order]) / weight.sum()
    cutoff = ill[order][min(int(np.searchsorted(found, RECALL - 1e-9)), len(ill) - 1)]
    well = labels == 0
    return float(np.average(probabilities[well] < cutoff, weights=weights[well]))


def weighted_auc(labels: Floats, probabilities: Floats, weights: Floats) -> float:
    """The share of pairs with the ill film above the healthy one, ties as halves."""
    levels, level = np.unique(probabilities, return_inverse=True)
    ill = np.bincount(level, weights * (labels == 1), len(levels))
    well = np.bincount(level, weights * (labels == 0), len(levels))
    below = np.cumsum(well) - well / 2
    return float((ill * below).sum() / (ill.sum() * well.sum()))


def _difference(one: Floats, other: Floats) -> Json:
    low, high = np.percentile((other - one)[1:], [2.5, 97.5])
    return {
        "one": float(one[0]),
        "other": float(other[0]),
        "difference": float(other[0] - one[0]),
        "interval": [float(low), float(high)],
    }


def show(result: Json) -> None:
    """Print a table for each figure, with a row for each rendering."""
    one, other = result["networks"]
    for name, rows in result.items():
        if name == "networks":
            continue
        table = Table(title=name, caption="Difference with its 95 % interval, paired by patient.")
        for column in ("films", one, other, "difference"):
            table.add_column(column, no_wrap=True)
        for each, row in rows.items():
            low, high = row["interval"]
            told = f"{row['difference']:+.3f} ({low:+.3f} to {high:+.3f})"
            table.add_row(each, f"{row['one']:.3f}", f"{row['other']:.3f}", told)
        Console(highlight=False, soft_wrap=True).print(table)
