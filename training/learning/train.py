"""`cxr-alert train`: a folder of films in, a network for `serving` out."""

from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from scipy.special import expit

from serving.shipped import NETWORK_FILE
from training.dataset.folder import CLASSES, Film, find_films, split_films, tell_shared_patients
from training.dataset.pixels import load_films
from training.evaluation.evaluate import evaluate_films, predict_films, save
from training.evaluation.metrics import measure
from training.evaluation.predictor import load_network
from training.learning.calibrate import fit_temperature
from training.learning.export import export
from training.learning.fit import Labelled, fit, predict_logits
from training.learning.network import Classifier, ResNet18
from training.learning.norms import settle_norms
from training.learning.quantize import quantize
from training.learning.recipe import BadRecipe, Recipe, load_recipe

QUANTIZED_ON = 300  # films whose activations set the ranges of the eight bits


def train(
    data: Path, out: Path, recipe: Recipe, kept_out: Path | None, start: Path | None = None
) -> None:
    """Train by `recipe` on the films below `data`; leave in `out` what there is to serve and know.

    `cxr-resnet18.onnx` (the network as it is served, in eight bits), `full-precision.onnx`,
    `recipe.json`, `validation.txt` (the films held out), `metrics.json` and `predictions.csv` (the
    served network on those), `checkpoint.pt` (from which an interrupted run goes on).
    Patients that also appear below `kept_out` are never trained on. Begins with the network of the
    run in the folder `start`, which must have held the same films out. Raises BadDataset, and
    BadRecipe where `out` holds a run of another recipe.
    """
    console = Console()
    films = find_films(data)
    apart = {film.patient for film in find_films(kept_out)} if kept_out else set()
    training, validation = split_films(films, recipe.fold, recipe.folds, apart)
    _claim(out, recipe)
    held_out = "".join(f"{film.path.relative_to(data)}\n" for film in validation)
    (out / "validation.txt").write_text(held_out)
    first = _checkpoint_to_start_from(start, held_out) if start else None
    for sentence in tell_shared_patients(films):
        console.print(sentence)
    console.print(f"{_describe(training)} to train on, {_describe(validation)} held out.")

    learned = Labelled(load_films(training, recipe.stored_size, "training"), class_labels(training))
    held = load_films(validation, recipe.size, "held-out")
    labels = class_labels(validation).numpy().astype(np.float64)

    def report(epoch: int, loss: float, averaged: ResNet18) -> None:
        normal, pneumonia = predict_logits(averaged, held).double().T.numpy()
        score = measure(labels, expit(pneumonia - normal))["auc"]
        console.print(
            f"epoch {epoch + 1:3d}/{recipe.epochs}  {recipe.size_at(epoch)} px  "
            f"loss {loss:.4f}  held-out AUC {score:.4f}"
        )

    network = fit(learned, recipe, out / "checkpoint.pt", report, first)
    settle_norms(network, load_films(training, recipe.size, "training"), recipe.seed)
    temperature = fit_temperature(predict_logits(network, held), class_labels(validation))
    full, served = out / "full-precision.onnx", out / NETWORK_FILE
    export(Classifier(network, temperature).eval(), recipe.size, full)
    quantize(full, held[:: max(1, len(held) // QUANTIZED_ON)], served)
    # The films held out chose the temperature, so they flatter the calibration a little.
    evaluation = evaluate_films(validation, load_network(served))
    save(evaluation, data, out)
    before = measure(labels, predict_films(load_network(full), validation))
    console.print(
        f"{served}: held-out AUC {evaluation.metrics['auc']:.4f} ({before['auc']:.4f} unquantised)"
    )


def _checkpoint_to_start_from(run: Path, held_out: str) -> Path:
    """The checkpoint of `run`, provided that it never saw the films held out here."""
    checkpoint, listed = run / "checkpoint.pt", run / "validation.txt"
    if not (checkpoint.is_file() and listed.is_file()):
        raise BadRecipe(f"{run} is not the folder of a training run: name one that --out left.")
    if set(listed.read_text().split()) != set(held_out.split()):
        raise BadRecipe(
            f"The run in {run} held other films out, so it knows some that are held out now: "
            "train it with the same --data, --keep-out and fold."
        )
    return checkpoint


def _claim(out: Path, recipe: Recipe) -> None:
    """Make `out` the folder of this recipe's run, new or to be gone on with."""
    kept = out / "recipe.json"
    if (out / "checkpoint.pt").exists() and load_recipe(kept) != recipe:
        raise BadRecipe(
            f"{out} holds a run of another recipe: choose another --out, "
            f"or go on with that one by --recipe {kept}."
        )
    out.mkdir(parents=True, exist_ok=True)
    recipe.save(kept)


def _describe(films: list[Film]) -> str:
    counts = (sum(film.label == label for film in films) for label in range(len(CLASSES)))
    classes = " + ".join(f"{n:,} {name}" for n, name in zip(counts, CLASSES, strict=True))
    return f"{len(films):,} films ({classes}) of {len({film.patient for film in films}):,} patients"


def class_labels(films: list[Film]) -> torch.Tensor:
    """0 (normal) or 1 (pneumonia) of each film, int64 [N]."""
    return torch.tensor([film.label for film in films])
