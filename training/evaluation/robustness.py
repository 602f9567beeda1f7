"""`cxr-alert robustness`: how a network takes films that were rendered otherwise."""

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from imaging.network_input import network_input
from imaging.readers import read_grey
from imaging.refusals import NotReadable
from serving.network import Network
from training.dataset.folder import BadDataset, Film
from training.evaluation.evaluate import chosen_films, labels_of
from training.evaluation.metrics import Floats, Json, measure
from training.evaluation.rerender import RENDERINGS, rerender


def robustness(data: Path, model: Path, out: Path, cutoff: float, only: Path | None = None) -> Json:
    """Measure the network in `model` on the films below `data`, once for each rendering.

    Leaves `robustness.json` in `out` (for each rendering what
    `metrics.measure` gives), and returns what that holds. `only` as in `chosen_films`.
    """
    films = chosen_films(data, only)
    probabilities = _probabilities(Network(model, threads := os.cpu_count() or 1), films, threads)
    labels = labels_of(films)
    result: Json = {
        name: measure(labels, column, [cutoff])
        for name, column in zip(RENDERINGS, probabilities.T, strict=True)
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "robustness.json").write_text(json.dumps(result, indent=2) + "\n")
    return result


def _probabilities(network: Network, films: Sequence[Film], threads: int) -> Floats:
    """The probability of pneumonia of each film [N] in each of the renderings [N, R]."""

    def one(film: Film) -> list[float]:
        try:
            grey = read_grey(film.path.read_bytes())
        except (OSError, NotReadable) as error:
            raise BadDataset(f"{film.path} can't be read: {error} Replace or remove it.") from error
        seen = (rerender(grey, rendering) for rendering in RENDERINGS.values())
        return [float(network.probabilities(network_input(g, network.size))[1]) for g in seen]

    with ThreadPoolExecutor(threads) as pool:
        bar = Console(stderr=True)
        rows = track(pool.map(one, films), "Rendering films", len(films), console=bar)
        return np.array(list(rows))


def show(result: Json, cutoff: float) -> None:
    """Print a table with a row for each rendering."""
    called = f"{cutoff:g}"
    table = Table(caption=f"Recall and specificity at {called}, with 95 % Wilson intervals.")
    for column in ("films", "AUC", "Brier", "recall", "specificity"):
        table.add_column(column, no_wrap=True)
    for name, measured in result.items():
        at = measured["at"][called]
        table.add_row(
            name,
            f"{measured['auc']:.3f}",
            f"{measured['brier']:.3f}",
            *(_with_interval(at, rate) for rate in ("recall", "specificity")),
        )
    Console(highlight=False, soft_wrap=True).print(table)


def _with_interval(at: Json, rate: str) -> str:
    low, high = at[f"{rate}_interval"]
    return f"{at[rate]:.2f} ({low:.2f}-{high:.2f})"
