"""`cxr-alert evaluate`: evaluate a network, as it is served, on labelled films."""

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.dataset.folder import BadDataset, Film
from training.dataset.names import open_table
from training.evaluation.bootstrap import auc_interval
from training.evaluation.calibration import BINS, Floats
from training.evaluation.metrics import Json, measure, measure_subgroup
from training.evaluation.predictor import ParallelPredictor, Unread

# The cause in published names: person1_bacteria_2.jpeg, person1_virus_2.jpeg.
SUBGROUPS = {"bacterial": re.compile(r"_bacteria_"), "viral": re.compile(r"_virus_")}


@dataclass(frozen=True)
class Evaluation:
    """Films with the probabilities of pneumonia [N] from `network`, and the metrics."""

    films: list[Film]
    probabilities: Floats
    metrics: Json
    network: str

    @property
    def labels(self) -> Floats:
        return labels_of(self.films)


def evaluate_films(
    films: list[Film],
    asked: ParallelPredictor,
    cutoffs: Sequence[float] = (),
    prevalence: float | None = None,
) -> Evaluation:
    """Ask about `films`, and measure the answers at the report's cutoffs and at `cutoffs`.

    Calibration is measured for `prevalence`, or else for the network's own.
    """
    prevalence = prevalence or asked.prevalence
    probabilities = predict_films(asked, films)
    labels = labels_of(films)
    metrics: Json = {
        "network": asked.predictor.name,
        "patients": len({film.patient for film in films}),
        **measure(labels, probabilities, cutoffs, prevalence),
        **_interval(films, labels, probabilities, np.ones(len(films), dtype=np.bool_)),
        "ece_bins": BINS,
    }
    subgroups: Json = {}
    for name, pattern in SUBGROUPS.items():
        named = [film.label == 1 and bool(pattern.search(film.path.name)) for film in films]
        group = np.array(named, dtype=np.bool_)
        if group.any():
            subgroups[name] = {
                **measure_subgroup(labels, probabilities, group, cutoffs),
                **_interval(films, labels, probabilities, group | (labels == 0)),
            }
    if subgroups:
        metrics["subgroups"] = subgroups
    return Evaluation(films, probabilities, metrics, asked.predictor.name)


def save(evaluation: Evaluation, data: Path, out: Path) -> None:
    """Write `metrics.json` and `predictions.csv` to the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "metrics.json").write_text(json.dumps(evaluation.metrics, indent=2) + "\n")
    with open_table(out / "predictions.csv") as file:
        table = csv.writer(file)
        table.writerow(["film", "label", "probability"])
        for film, probability in zip(evaluation.films, evaluation.probabilities, strict=True):
            table.writerow([film.path.relative_to(data), film.label, f"{probability:.6f}"])


def predict_films(asked: ParallelPredictor, films: Sequence[Film]) -> Floats:
    """Return the probability of pneumonia [N] of each film.

    Raises BadDataset with the names of films that can't be read.
    """
    paths = [film.path for film in films]
    probabilities, unread = [], []
    for path, answer in zip(paths, asked.predict(paths), strict=True):
        if isinstance(answer, Unread):
            unread.append(f"{path} can't be read: {answer.why}")
        else:
            probabilities.append(answer[1])
    if unread:
        raise BadDataset("\n".join([*unread, "Replace or remove what can't be read."]))
    return np.array(probabilities)


def labels_of(films: Sequence[Film]) -> Floats:
    return np.array([float(film.label) for film in films])


def _interval(
    films: Sequence[Film], labels: Floats, probabilities: Floats, counted: NDArray[np.bool_]
) -> Json:
    patients = [film.patient for film, here in zip(films, counted, strict=True) if here]
    interval = auc_interval(labels[counted], probabilities[counted], patients)
    return {"auc_interval": interval} if interval else {}
