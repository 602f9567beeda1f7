"""Leave-one-class-out evaluation of the gate: on kinds of images that it did not learn from."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from laboratory.checkpoints import WEIGHTS
from laboratory.films import Folders, images_in, split
from laboratory.gate import fit_gate, gate_logits, sources_of
from laboratory.gate_images import GateImages, make_images
from laboratory.recipe import LaboratoryRecipe
from laboratory.rejection import rejected, rejected_cells
from serving.gate import KINDS
from serving.memory import keep_freed_memory
from training.dataset.folder import Film
from training.dataset.pixels import load_images
from training.evaluation.metrics import Json
from training.evaluation.renderings import in_some_renderings
from training.learning.gate import Gate, shrunk
from training.learning.limits import limits

_CHEST = KINDS.index("chest")


def leave_one_out(folders: Folders, recipe: LaboratoryRecipe, out: Path, at_once: int = 2) -> Json:
    """Train gates by `recipe`, each without `at_once` kinds of other images, in turn.

    The limits are set on the held-out children's films, like those of a served gate. Returns, for
    each kind, the number of images and the share rejected by the gate that did not learn from them,
    and writes it to `leave-one-out.json` in `out`. It can resume.
    """
    keep_freed_memory()
    size = recipe.student.sizes.last
    sources = sources_of(folders, recipe)
    images = make_images(sources, size, recipe.gate.counts, recipe.gate.seed)
    children = _children(split(folders, recipe)[1], size)
    kinds, result = sorted(sources.others), {}
    for first in range(0, len(kinds), at_once):
        without = kinds[first : first + at_once]
        folder = out / f"without-{'-'.join(without)}"
        gate = _trained(images.only(~np.isin(images.sources, without)), recipe, folder)
        added = limits(gate_logits(gate, children))
        for kind in without:
            films = load_images(images_in(folders.others / kind), size, kind)
            found = (gate_logits(gate, _shrunk(films)) + added).argmax(axis=1)
            result[kind] = rejected(int((found != _CHEST).sum()), len(found)) | {"without": without}
    (out / "leave-one-out.json").write_text(json.dumps(result, indent=2) + "\n")
    return result


def show(result: Json) -> None:
    """Print a table with one row for each kind."""
    table = Table(caption="95 % Wilson intervals.")
    for column in ("images", "number", "rejected", "by a gate trained without"):
        table.add_column(column, no_wrap=True)
    for kind, row in result.items():
        table.add_row(kind, *rejected_cells(row), ", ".join(row["without"]))
    Console(highlight=False, soft_wrap=True).print(table)


def _trained(images: GateImages, recipe: LaboratoryRecipe, folder: Path) -> Gate:
    path = folder / WEIGHTS
    if not path.exists():
        torch.save(fit_gate(images, recipe.gate, folder).state_dict(), path)
    gate = Gate()
    gate.load_state_dict(torch.load(path, weights_only=True))
    return gate.eval()


def _children(films: Sequence[Film], size: int) -> Tensor:
    def one(film: Film, index: int) -> list[np.ndarray]:
        return in_some_renderings(film, index, size)

    with ThreadPoolExecutor() as pool:
        shown = [grey for each in pool.map(one, films, range(len(films))) for grey in each]
    return _shrunk(torch.from_numpy(np.stack(shown))[:, None])


def _shrunk(films: Tensor) -> Tensor:
    return torch.cat([shrunk(part.float()).round().to(torch.uint8) for part in films.split(256)])
