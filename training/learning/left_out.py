"""`cxr-alert left-out`: what a gate makes of kinds of pictures that it has not learned from."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from imaging.grey import Grey
from serving.gate import KINDS
from training.dataset.folder import Film
from training.evaluation.metrics import Json
from training.evaluation.renderings import in_some_renderings
from training.evaluation.strangers import refusals, refusals_told
from training.learning.gate import Seen, fit_gate, gate_logits, see
from training.learning.gate_films import Counts, pictures_in, read_all
from training.learning.limits import limits
from training.learning.recipe import Recipe
from training.learning.train_gate import GateFolders, look
from training.learning.weights import weights_of

_CHEST = KINDS.index("chest")


def left_out(
    folders: GateFolders,
    start: Path,
    out: Path,
    recipe: Recipe,
    at_once: int = 2,
    counts: Counts = Counts(),  # noqa: B008 - frozen
) -> Json:
    """Train gates as `train_gate` does, each without `at_once` kinds of other pictures, in turn.

    Their limits are settled on the children's films held out, as those of a served gate are. For
    each kind: how many pictures there are, and what share of them is refused by the gate that has
    seen none of it. Leaves `left-out.json` in `out`, and returns what that holds.
    """
    network = weights_of(start)
    seen, held_out = look(folders, network, recipe, counts)
    kinds = folders.kinds

    def as_seen(films: NDArray[np.uint8]) -> Seen:
        return see(network.early, films, [_CHEST] * len(films), [""] * len(films))

    children = as_seen(_shown(held_out, recipe.size))
    console = Console(stderr=True)
    result = {}
    for first in range(0, len(kinds), at_once):
        without = kinds[first : first + at_once]
        console.print(f"Training without {' and '.join(without)}.")
        gate = fit_gate(seen.only(~np.isin(seen.sources, without)), recipe.seed)
        added = limits(gate_logits(gate, children))
        for kind in without:
            pictures = as_seen(read_all(pictures_in(folders.others / kind), recipe.size))
            found = (gate_logits(gate, pictures) + added).argmax(axis=1)
            refused = int((found != _CHEST).sum())
            result[kind] = refusals(refused, len(found)) | {"without": without}
    out.mkdir(parents=True, exist_ok=True)
    (out / "left-out.json").write_text(json.dumps(result, indent=2) + "\n")
    return result


def show(result: Json) -> None:
    """Print a table with a row for each kind."""
    table = Table(caption="95 % Wilson intervals.")
    for column in ("pictures", "number", "refused", "by a gate that never saw"):
        table.add_column(column, no_wrap=True)
    for kind, row in result.items():
        table.add_row(kind, *refusals_told(row), ", ".join(row["without"]))
    Console(highlight=False, soft_wrap=True).print(table)


def _shown(films: Sequence[Film], size: int) -> NDArray[np.uint8]:
    def one(film: Film, index: int) -> list[Grey]:
        return in_some_renderings(film, index, size)

    with ThreadPoolExecutor() as pool:
        return np.stack(
            [grey for shown in pool.map(one, films, range(len(films))) for grey in shown]
        )
