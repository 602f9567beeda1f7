"""The last stage: combine student and gate into the served file, with its figures."""

import shutil
from pathlib import Path

import torch

from laboratory.checkpoints import WEIGHTS
from laboratory.films import Folders, split
from laboratory.recipe import LaboratoryRecipe
from serving.shipped import NETWORK_FILE
from training.dataset.pixels import load_films
from training.evaluation.evaluate import evaluate_films, save
from training.evaluation.predictor import load_network
from training.learning.gate import Gate
from training.learning.network import ResNet18
from training.learning.norms import settle_norms
from training.learning.run import note_split
from training.learning.serve import serve
from training.learning.weights import weights_of


def assemble(
    folders: Folders,
    recipe: LaboratoryRecipe,
    student: Path,
    gate: Path,
    out: Path,
) -> None:
    """Calibrate, quantise and measure the student of the run folder `student` with the gate.

    Calibration and the gate's limits are fitted on the held-out films, with the file as it is
    served. Writes `cxr-resnet18.onnx`, `full-precision.onnx`, `validation.txt`, `patients.txt`,
    `metrics.json`, `predictions.csv` and `curve.csv` to `out`.
    """
    network = ResNet18()
    network.load_state_dict(_averaged(student))
    _serve(folders, recipe, network, gate, out, settle=True)
    shutil.copy(student / "curve.csv", out)


def replace_gate(
    folders: Folders, recipe: LaboratoryRecipe, model: Path, gate: Path, out: Path
) -> None:
    """Replace the gate of the served file `model` by that of the run folder `gate`.

    Writes to `out` the files of `assemble` except the curve.
    """
    _serve(folders, recipe, weights_of(model), gate, out, settle=False)


def _serve(
    folders: Folders,
    recipe: LaboratoryRecipe,
    network: ResNet18,
    gate: Path,
    out: Path,
    *,
    settle: bool,
) -> None:
    """Export `network`; with films, its norms are first computed on films as they are served."""
    out.mkdir(parents=True, exist_ok=True)
    training, validation = split(folders, recipe)
    size = recipe.student.sizes.last
    detector = Gate()
    detector.load_state_dict(_averaged(gate))
    films = load_films(training, size, "training")
    if settle:
        settle_norms(network, films, seed=0)
    serve(network.eval(), detector.eval(), size, films, validation, out, recipe.prevalence)
    note_split(out, folders.data, training, validation)
    save(evaluate_films(validation, load_network(out / NETWORK_FILE)), folders.data, out)


def _averaged(folder: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(folder / WEIGHTS, weights_only=True)
    return state
