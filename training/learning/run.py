"""The folder of a training run: the recipe that it belongs to, and its progress."""

import csv
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.dataset.folder import Film
from training.dataset.learned import PATIENTS, patient_digest, read_patients, write_patients
from training.dataset.names import write_list
from training.learning.fit import Labelled
from training.learning.network import ResNet18
from training.learning.recipe import BadRecipe, Recipe, load_recipe


def claim(out: Path, recipe: Recipe) -> None:
    """Make `out` the folder of a new run of this recipe, or of a resumed one."""
    kept = out / "recipe.json"
    if _begun(out) and load_recipe(kept) != recipe:
        raise BadRecipe(
            f"{out} holds a run of another recipe: choose another --out, "
            f"or go on with that one by --recipe {kept}."
        )
    out.mkdir(parents=True, exist_ok=True)
    recipe.save(kept)


def note_split(
    out: Path,
    data: Path,
    training: Iterable[Film],
    held_out: Iterable[Film],
    start: Path | None = None,
) -> None:
    """Write to `out` which films below `data` are held out, and the patients learned from.

    The patients are hashes without names, and include those of the run `start`: a network also
    knows the films that it was first trained on.
    """
    write_list(out / "validation.txt", (film.path.relative_to(data) for film in held_out))
    before = read_patients(start) if start else None
    write_patients(out, {*map(patient_digest, training), *(before or ())})


def refuse_known_patients(run: Path, held_out: Iterable[Film]) -> None:
    """Raise BadRecipe if the run in the folder `run` learned from a patient who is now held out."""
    known = read_patients(run)
    if known is None:
        raise BadRecipe(
            f"{run} is not the folder of a training run (it has no {PATIENTS}): "
            "name one that --out left."
        )
    shared = sorted(film.path for film in held_out if patient_digest(film) in known)
    if shared:
        raise BadRecipe(
            f"The network in {run} has learned from the patients of {len(shared):,} films that are "
            f"held out now, {shared[0]} for one: "
            "train with the --data, --keep-out and fold of that run."
        )


def claim_source(
    out: Path,
    learned: Labelled,
    held: Tensor,
    start: ResNet18 | None,
) -> None:
    """Record what the run in `out` learns from, so that it is never resumed on other films.

    `held` are the held-out films, uint8 [N, 1, S, S]. Other films could silently include those that
    were held out before.
    """
    now = {
        "films": _digest([learned.films, learned.labels]),
        "held_out": _digest([held]),
        "start": _digest(_weights(start)),
    }
    kept = out / "source.json"
    if _begun(out) and kept.exists() and json.loads(kept.read_text()) != now:
        raise BadRecipe(
            f"{out} holds a run on other films or from another start: choose another --out, "
            "or go on with the same --data, --keep-out and --start."
        )
    kept.write_text(json.dumps(now, indent=2) + "\n")


def epochs_done(out: Path) -> int:
    """Return how many epochs of the run in `out` are trained."""
    checkpoint = out / "checkpoint.pt"
    if not checkpoint.exists():
        return 0
    return int(load_checkpoint(checkpoint)["epoch"])


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Return what `fit` wrote to the file `path`. Raises BadRecipe if it is damaged."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # PyTorch raises various errors of its unpickler
        raise BadRecipe(
            f"{path} is no checkpoint of a training run, or is damaged: remove it, and the run "
            "begins anew."
        ) from error
    return state


def add_to_curve(out: Path, epoch: int, size: int, loss: float, auc: float) -> None:
    """Append an epoch to `curve.csv`; the first one begins the file."""
    path = out / "curve.csv"
    with path.open("w" if epoch == 0 else "a", newline="") as file:
        table = csv.writer(file)
        if epoch == 0:
            table.writerow(["epoch", "size", "loss", "held_out_auc"])
        table.writerow([epoch + 1, size, f"{loss:.5f}", f"{auc:.5f}"])


def _begun(out: Path) -> bool:
    return (out / "checkpoint.pt").exists()


def _weights(network: ResNet18 | None) -> list[Tensor]:
    """Return kernels and matrices only: initialised norms differ by rounding between machines."""
    return [value for value in network.state_dict().values() if value.ndim > 1] if network else []


def _digest(tensors: list[Tensor]) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
