"""`cxr-alert evaluate`: evaluate a network, as it is served, on labelled films."""

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from screening.messages import printable
from training.dataset.folder import CLASSES, BadDataset, Film, Survey, survey, tell
from training.dataset.names import Names, open_table, read_list
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
        told = [film.label == 1 and bool(pattern.search(film.path.name)) for film in films]
        group = np.array(told, dtype=np.bool_)
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


def chosen_films(data: Path, only: Path | None) -> list[Film]:
    """Return the films below `data`, each once, or those of them that `only` lists.

    `only` is a file of paths relative to `data`, one per line, like the `validation.txt` of a
    training run. No other film is read, and a listed copy counts under its own name. Films left out
    are reported on stderr. Raises BadDataset for missing films.
    """
    found = survey(data)
    tell(found.notes)
    return _listed(found, data, only) if only else _without_copies(found.films)


def labels_of(films: Sequence[Film]) -> Floats:
    return np.array([float(film.label) for film in films])


def _interval(
    films: Sequence[Film], labels: Floats, probabilities: Floats, counted: NDArray[np.bool_]
) -> Json:
    patients = [film.patient for film, here in zip(films, counted, strict=True) if here]
    interval = auc_interval(labels[counted], probabilities[counted], patients)
    return {"auc_interval": interval} if interval else {}


def _without_copies(films: Sequence[Film]) -> list[Film]:
    """Return the films without files that have the bytes of an earlier one of the same class."""
    first: dict[tuple[str, int], Film] = {}
    for film in films:
        if film.twin:
            first.setdefault((film.twin, film.label), film)
    kept = [f for f in films if not f.twin or first[f.twin, f.label] is f]
    if copies := len(films) - len(kept):
        tell([f"{copies:,} films are copies of others under other names; each counts once."])
    return kept


def _listed(found: Survey, data: Path, only: Path) -> list[Film]:
    lines = read_list(only)
    by_path = {film.path: film for film in found.films} | found.again
    names = Names(data, by_path)
    listed = [(line, names.find(line)) for line in lines]
    missing = [line for line, paths in listed if not paths]
    if missing:
        raise BadDataset(
            f"{len(missing)} of the {len(lines)} films in {only} are not below {data}, "
            f"{printable(missing[0])} for one: name the folder that the list was made from."
        )
    unclear = [line for line, paths in listed if len({by_path[path] for path in paths}) > 1]
    if unclear:
        raise BadDataset(
            f"{len(unclear)} of the {len(lines)} films in {only} may be any of several below "
            f"{data}, {printable(unclear[0])} for one: list each by its path."
        )
    films = list(dict.fromkeys(by_path[path] for _, paths in listed for path in sorted(paths)))
    if twice := len(lines) - len(films):
        tell([f"{only} lists {twice:,} films twice; each counts once."])
    if len({film.label for film in films}) < len(CLASSES):
        raise BadDataset(f"{only} lists films of one class only: list some of both.")
    return films
