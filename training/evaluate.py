"""`python -m training evaluate`: what a network file makes of labelled films, as it is served."""

import csv
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from serving.network import Network
from serving.pixels import NotReadable
from training.films import BadDataset, Film, find_films
from training.metrics import Json, measure


def evaluate(
    data: Path, model: Path, out: Path, cutoffs: Sequence[float] = (), only: Path | None = None
) -> Json:
    """Measure the network in `model` on the films below `data`, and return the measure.

    Leaves `metrics.json` and `predictions.csv` in `out`. `only` is a file of paths relative to
    `data`, one a line, like the `validation.txt` of a training run: no other film is looked at.
    """
    films = find_films(data)
    if only:
        films = _listed(films, data, only)
    probabilities = predict(model, films)
    labels = np.array([float(film.label) for film in films])
    metrics = measure(labels, probabilities, cutoffs)
    out.mkdir(parents=True, exist_ok=True)
    (out / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    with (out / "predictions.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["film", "label", "probability"])
        for film, probability in zip(films, probabilities, strict=True):
            table.writerow([film.path.relative_to(data), film.label, f"{probability:.6f}"])
    return metrics


def predict(model: Path, films: Sequence[Film]) -> NDArray[np.float64]:
    """The probability of pneumonia [N] of each film, by the code that serves.

    Raises BadDataset naming a film that can't be read, BadNetwork for a file that is none.
    """
    threads = os.cpu_count() or 1
    network = Network(model, threads)

    def one(film: Film) -> float:
        try:
            return network.classify(film.path.read_bytes())[1]
        except (OSError, NotReadable) as error:
            raise BadDataset(f"{film.path} can't be read: {error} Replace or remove it.") from error

    with ThreadPoolExecutor(threads) as pool:
        return np.array(list(track(pool.map(one, films), "Asking the network", len(films))))


def _listed(films: Sequence[Film], data: Path, only: Path) -> list[Film]:
    try:
        names = only.read_text().split()
    except OSError as error:
        raise BadDataset(f"The list {only} can't be read: {error.strerror}.") from error
    found = {str(film.path.relative_to(data)): film for film in films}
    missing = [name for name in names if name not in found]
    if missing:
        raise BadDataset(
            f"{len(missing)} of the {len(names)} films in {only} are not below {data}, "
            f"{missing[0]} for one: name the folder that the list was made from."
        )
    return [found[name] for name in names]
