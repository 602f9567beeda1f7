"""The selection metric, which chooses between networks.

On all held-out films, the AUC is the same for every network. The metric is the mean of two AUCs
that differ: of the worst block of patient numbers, and of vignetted and framed films. docs/model.md
gives the reasons; the other figures are reported beside it.
"""

import json
import os
from collections import defaultdict
from collections.abc import Hashable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from serving.network import Network
from training.dataset.chosen import chosen_films
from training.dataset.folder import Film
from training.evaluation.bootstrap import SEED
from training.evaluation.calibration import Floats
from training.evaluation.evaluate import labels_of
from training.evaluation.metrics import Json
from training.evaluation.renderings import answers_of_each
from training.evaluation.rerender import RENDERINGS, UNSEEN

RECALL = 0.97
BLOCKS = 3  # blocks of consecutive patient numbers in each series
WORST = 0.25  # share of the cells
DRAWS = 500
YARDSTICK = "yardstick"


def yardstick(data: Path, only: Path | None, models: Sequence[Path], out: Path) -> Json:
    """Measure the networks in `models` on the films below `data`; `only` as in `chosen_films`.

    Returns, for each network, every figure of `figures`, and its difference from that of the first
    network, with the 95 % interval of a paired bootstrap over patients. Writes it to
    `yardstick.json` in `out`.
    """
    films = chosen_films(data, only)
    labels, blocks = labels_of(films), blocks_of(films)
    weights = draw_patients(labels, [film.patient for film in films], DRAWS)
    renderings = RENDERINGS | UNSEEN
    networks = [Network(path, os.cpu_count() or 1) for path in models]
    drawn: dict[str, dict[str, Floats]] = {}
    for network, found in zip(networks, answers_of_each(networks, films, renderings), strict=True):
        rows = [
            figures(labels, blocks, found.probabilities, list(renderings), weight)
            for weight in weights
        ]
        drawn[network.name] = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    first = drawn[networks[0].name]
    result = {
        network: {name: _against(first[name], values) for name, values in each.items()}
        for network, each in drawn.items()
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "yardstick.json").write_text(json.dumps(result, indent=2) + "\n")
    return result


def figures(
    labels: Floats,
    blocks: NDArray[np.int64],
    probabilities: Floats,
    renderings: Sequence[str],
    weights: Floats,
) -> dict[str, float]:
    """Return one network's figures from labels, blocks and weights [N] and probabilities [N, R]."""
    cells = np.array(
        [
            weighted_auc(labels[here], column[here], weights[here])
            for column in probabilities.T
            for here in (blocks == block for block in range(BLOCKS))
        ]
    ).reshape(len(renderings), BLOCKS)
    aucs = np.array([weighted_auc(labels, column, weights) for column in probabilities.T])
    specificities = np.array(
        [specificity_at_recall(labels, column, weights) for column in probabilities.T]
    )
    edges = [renderings.index(name) for name in ("vignetted", "framed in black")]
    repeats, framed = len(renderings), float(aucs[edges].mean())
    worst_block = float(np.fmin.reduce(cells[0]))  # of those that have an AUC
    return {
        YARDSTICK: (worst_block + framed) / 2,
        "AUC, worst cells": _worst(cells.ravel()),
        "AUC, as they are": float(aucs[0]),
        "AUC, worst block as they are": worst_block,
        "AUC, worst renderings": _worst(aucs),
        "AUC, all renderings in one order": weighted_auc(
            np.tile(labels, repeats), probabilities.T.ravel(), np.tile(weights, repeats)
        ),
        "AUC, vignetted and framed": framed,
        f"specificity at recall {RECALL}, as they are": float(specificities[0]),
        f"specificity at recall {RECALL}, worst renderings": _worst(specificities),
    }


def blocks_of(films: Sequence[Film]) -> NDArray[np.int64]:
    """Return each film's block from 0 to BLOCKS - 1: a range of patient numbers in its series."""
    series: dict[tuple[int, str], set[Hashable]] = defaultdict(set)
    for film in films:
        series[film.label, film.patient.series].add(film.patient)
    block = {
        patient: place * BLOCKS // len(patients)
        for patients in series.values()
        for place, patient in enumerate(sorted(patients))  # type: ignore[type-var]
    }
    return np.array([block[film.patient] for film in films])


def draw_patients(labels: Floats, patients: Sequence[Hashable], draws: int) -> Floats:
    """Return weights of the films [1 + draws, N]: all 1 first, then counts of bootstrap draws.

    Patients are drawn with replacement within each class, with all their films.
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
    """Return the specificity at the highest cutoff with a recall of at least RECALL."""
    ill, weight = probabilities[labels == 1], weights[labels == 1]
    order = np.argsort(-ill, kind="stable")
    found = np.cumsum(weight[order]) / weight.sum()
    cutoff = ill[order][min(int(np.searchsorted(found, RECALL - 1e-9)), len(ill) - 1)]
    well = labels == 0
    return float(np.average(probabilities[well] < cutoff, weights=weights[well]))


def weighted_auc(labels: Floats, probabilities: Floats, weights: Floats) -> float:
    """Return the share of pairs with the film with pneumonia above the normal one.

    Ties count half. It is undefined (NaN) without films of both classes, as in a block of which a
    bootstrap draws no patient.
    """
    levels, level = np.unique(probabilities, return_inverse=True)
    ill = np.bincount(level, weights * (labels == 1), len(levels))
    well = np.bincount(level, weights * (labels == 0), len(levels))
    below = np.cumsum(well) - well / 2
    pairs = ill.sum() * well.sum()
    return float((ill * below).sum() / pairs) if pairs else float("nan")


def _worst(values: Floats) -> float:
    defined = np.sort(values[~np.isnan(values)])
    worst = defined[: max(1, round(WORST * len(defined)))]
    return float(worst.mean()) if len(worst) else float("nan")


def _against(first: Floats, values: Floats) -> Json:
    low, high = np.nanpercentile((values - first)[1:], [2.5, 97.5])
    return {
        "value": float(values[0]),
        "difference": float(values[0] - first[0]),
        "interval": [float(low), float(high)],
    }


def show(result: Json) -> None:
    """Print one table for each figure."""
    for name in next(iter(result.values())):
        table = Table(title=name, caption="95 % interval, paired by patient.")
        for column in ("network", "value", "difference from the first"):
            table.add_column(column, no_wrap=True)
        for network, row in result.items():
            low, high = row[name]["interval"]
            difference = f"{row[name]['difference']:+.4f} ({low:+.4f} to {high:+.4f})"
            table.add_row(network, f"{row[name]['value']:.4f}", difference)
        Console(highlight=False, soft_wrap=True).print(table)
