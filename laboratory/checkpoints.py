"""What the training stages share: resumable checkpoints, learning curves, speed and precision."""

import csv
from pathlib import Path
from typing import Any, Protocol

import torch
from rich.console import Console
from scipy.special import expit
from torch import Tensor, nn

from training.evaluation.metrics import measure
from training.learning.fit import save_state

CHECKPOINT = "checkpoint.pt"
WEIGHTS = "weights.pt"  # the averaged weights of a finished run
_EVALUATED_AT_ONCE = 64

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
    with path.open("w" if epoch == 0 else "a", newline="") as file:
        table = csv.writer(file)
        if epoch == 0:
            table.writerow(["epoch", *figures])
        table.writerow([epoch + 1, *(f"{value:.5g}" for value in figures.values())])
    shown = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
    console.print(f"{folder.name}  epoch {epoch + 1:3d}/{epochs}  {shown}", highlight=False)


@torch.inference_mode()
def logit_differences(network: nn.Module, films: Tensor) -> Tensor:
    """Logit of pneumonia less that of normal, float64 [N], for films uint8 [N, 1, S, S]."""
    network.eval()
    parts = [network(part.float()) for part in films.split(_EVALUATED_AT_ONCE)]
    logits = torch.cat(parts).double()
    return logits[:, 1] - logits[:, 0]


def auc_of(network: nn.Module, films: Tensor, labels: Tensor) -> float:
    differences = logit_differences(network, films).numpy()
    return float(measure(labels.numpy(), expit(differences))["auc"])


def mixed_precision() -> torch.autocast:
    """Bfloat16 where the processor multiplies it itself; it is slow elsewhere."""
    return torch.autocast("cpu", torch.bfloat16, enabled=torch.cpu._is_avx512_bf16_supported())
