"""Shared by the training stages: resumable checkpoints and learning curves."""

import csv
from pathlib import Path
from typing import Any, Protocol

import torch
from rich.console import Console
from scipy.special import expit
from torch import nn

from training.evaluation.metrics import measure
from training.learning.fit import Labelled, predict_logits, save_state

CHECKPOINT = "checkpoint.pt"
WEIGHTS = "weights.pt"  # the averaged weights of a finished run

console = Console()


class Stateful(Protocol):
    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: Any, /) -> Any: ...  # noqa: ANN401 - PyTorch's own signature


def resume(folder: Path, parts: dict[str, Stateful]) -> int:
    """Load the checkpoint in `folder` into `parts`; return the number of finished epochs."""
    path = folder / CHECKPOINT
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return int(state["epochs"])


def keep(folder: Path, epochs: int, parts: dict[str, Stateful]) -> None:
    """Replace the checkpoint in `folder`."""
    state = {name: part.state_dict() for name, part in parts.items()}
    save_state(state | {"epochs": epochs}, folder / CHECKPOINT)


def report(folder: Path, epoch: int, epochs: int, figures: dict[str, float]) -> None:
    """Add one epoch to `curve.csv` in `folder` and print it."""
    path = folder / "curve.csv"
    first = not path.exists()
    with path.open("a", newline="") as file:
        table = csv.writer(file)
        if first:
            table.writerow(["epoch", *figures])
        table.writerow([epoch + 1, *(f"{value:.5g}" for value in figures.values())])
    shown = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
    console.print(f"{folder.name}  epoch {epoch + 1:3d}/{epochs}  {shown}", highlight=False)


def auc_of(network: nn.Module, held_out: Labelled) -> float:
    """Return the AUC on films uint8 [N, 1, S, S] with labels, in evaluation mode."""
    normal, pneumonia = predict_logits(network.eval(), held_out.films).double().T.numpy()
    return float(measure(held_out.labels.numpy(), expit(pneumonia - normal))["auc"])
