"""`python -m training train`: a folder of films in, a network for `serving` out."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from training.calibrate import fit_temperature
from training.export import export
from training.films import CLASSES, Film, find_films, split_films
from training.fit import Labelled, fit, predict_logits
from training.metrics import at_cutoff, auc
from training.network import Classifier, ResNet18
from training.pixels import load_films
from training.recipe import Recipe

CUTOFFS = (0.5, 0.1)
MARGIN = (
    1.4  # films are kept this much larger than the network's input, for the warp to sample from
)


def train(data: Path, out: Path, recipe: Recipe, kept_out: Path | None) -> None:
    """Train by `recipe` on the films below `data`; leave in `out` what there is to serve and know.

    `cxr-resnet18.onnx` (the network), `recipe.json`, `validation.txt` (the films held out),
    `metrics.json` (on those), `checkpoint.pt` (from which an interrupted run goes on).
    Patients that also appear below `kept_out` are never trained on.
    """
    console = Console()
    films = find_films(data)
    apart = {film.patient for film in find_films(kept_out)} if kept_out else set()
    training, validation = split_films(films, recipe.fold, recipe.folds, apart)
    out.mkdir(parents=True, exist_ok=True)
    recipe.save(out / "recipe.json")
    held_out = "".join(f"{film.path.relative_to(data)}\n" for film in validation)
    (out / "validation.txt").write_text(held_out)
    console.print(f"{_describe(training)} to train on, {_describe(validation)} held out.")

    stored = round(recipe.size * MARGIN / 16) * 16
    learned = Labelled(load_films(training, stored, "training"), _labels(training))
    held = load_films(validation, recipe.size, "held-out")
    labels = _labels(validation).numpy().astype(np.float64)

    def report(epoch: int, loss: float, averaged: ResNet18) -> None:
        score = auc(labels, _probabilities(predict_logits(averaged, held)))
        console.print(
            f"epoch {epoch + 1:3d}/{recipe.epochs}  {recipe.size_at(epoch)} px  "
            f"loss {loss:.4f}  held-out AUC {score:.4f}"
        )

    network = fit(learned, recipe, out / "checkpoint.pt", report).eval()
    logits = predict_logits(network, held)
    temperature = fit_temperature(logits, _labels(validation))
    export(Classifier(network, temperature).eval(), recipe.size, out / "cxr-resnet18.onnx")
    probabilities = _probabilities(logits / temperature)
    metrics = {
        "films": len(validation),
        "temperature": temperature,
        "auc": auc(labels, probabilities),
        "at": {str(cutoff): _rates(labels, probabilities, cutoff) for cutoff in CUTOFFS},
    }
    (out / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    console.print_json(data=metrics)


def _describe(films: list[Film]) -> str:
    counts = (sum(film.label == label for film in films) for label in range(len(CLASSES)))
    classes = " + ".join(f"{n:,} {name}" for n, name in zip(counts, CLASSES, strict=True))
    return f"{len(films):,} films ({classes}) of {len({film.patient for film in films}):,} patients"


def _labels(films: list[Film]) -> torch.Tensor:
    return torch.tensor([film.label for film in films])


def _probabilities(logits: torch.Tensor) -> NDArray[np.float64]:
    """Logits [N, 2] -> the probability of pneumonia [N]."""
    return torch.softmax(logits.double(), dim=1)[:, 1].numpy()


def _rates(
    labels: NDArray[np.float64], probabilities: NDArray[np.float64], cutoff: float
) -> dict[str, float]:
    result = at_cutoff(labels, probabilities, cutoff)
    names = ("accuracy", "recall", "precision", "specificity")
    return {**asdict(result), **{name: round(getattr(result, name), 4) for name in names}}
