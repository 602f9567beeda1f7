"""`cxr-alert train`: train a network for `serving` from a folder of films."""

from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console
from scipy.special import expit

from serving.memory import keep_freed_memory
from serving.shipped import NETWORK_FILE, SHIPPED_NETWORK
from training.dataset.folder import (
    CLASSES,
    Film,
    find_films,
    notes_on_shared_patients,
    split_films,
)
from training.dataset.patients import name_patients, notes_on_nameless, patients_kept_out
from training.dataset.pixels import load_films
from training.evaluation.calibration import Floats, wilson
from training.evaluation.evaluate import evaluate_films, labels_of, predict_films, save
from training.evaluation.metrics import measure
from training.evaluation.predictor import load_network
from training.learning.augment import augment
from training.learning.fit import Labelled, diverged, fit, predict_logits, without_copies
from training.learning.gate import Gate
from training.learning.network import ResNet18
from training.learning.norms import settle_norms
from training.learning.recipe import BadRecipe, Recipe
from training.learning.run import (
    add_to_curve,
    claim,
    claim_source,
    epochs_done,
    load_checkpoint,
    note_split,
    refuse_known_patients,
)
from training.learning.serve import serve
from training.learning.weights import foreign_weights, gate_of, wake_norms, weights_of

FEW_HELD_OUT = 50  # of a class: if all of them are found, the interval of the share begins at 0.93
WOKEN_ON = 400  # films for the norms of a served network before it is trained further


def train(
    data: Path,
    out: Path,
    recipe: Recipe,
    kept_out: Path | None,
    start: Path | None = None,
    patients: Path | None = None,
) -> None:
    """Train by `recipe` on the films below `data`; write the network and its figures to `out`.

    The files are `cxr-resnet18.onnx` (the served network, in eight bits), `full-precision.onnx`,
    `recipe.json`, `validation.txt` (the held-out films), `patients.txt` (hashes of the patients
    it learned from), `metrics.json` and `predictions.csv` (the served network on the held-out
    films), `checkpoint.pt` (from which an interrupted run resumes), `source.json` (what it
    learns from), `curve.csv` (the learning curve).

    Patients that also appear below `kept_out` are never trained on; `patients` is a table as
    `name_patients` takes it. Of films with the same pixels and label, one is trained on.
    Training begins with the network of the run in the folder `start`, which must not have learned
    from patients who are held out here.

    Raises BadDataset, and BadRecipe if `out` holds a run of another recipe, on other films, or
    from another start.
    """
    keep_freed_memory()
    console = Console()
    found = find_films(data)
    films = name_patients(found, data, patients) if patients else found
    apart = patients_kept_out(kept_out, found, films, patients)
    training, validation = split_films(films, recipe.fold, recipe.folds, apart)
    claim(out, recipe)
    for sentence in (*notes_on_shared_patients(films), *notes_on_nameless(films)):
        console.print(sentence, markup=False)
    console.print(f"{_describe(training)} to train on, {_describe(validation)} held out.")

    stored = load_films(training, recipe.stored_size, "training")
    learned = without_copies(Labelled(stored, class_labels(training)))
    if copies := len(training) - len(learned.labels):
        console.print(f"{copies} of the films to train on are copies of others, and left out.")
    held = load_films(validation, recipe.size, "held-out")
    first = network_to_start_from(start, validation, learned.films, recipe) if start else None
    claim_source(out, learned, held, first)
    note_split(out, data, training, validation, start)
    labels = labels_of(validation)

    done = epochs_done(out)
    if done == recipe.epochs and (out / NETWORK_FILE).exists():
        console.print(f"{out / NETWORK_FILE} is finished: there is nothing left to train.")
        return
    if done:
        console.print(f"Continues after epoch {done} of {recipe.epochs}, from {out}.")

    def report(epoch: int, loss: float, averaged: ResNet18) -> None:
        logits = predict_logits(averaged, held)
        if not logits.isfinite().all():
            raise diverged(epoch, recipe)
        normal, pneumonia = logits.double().T.numpy()
        score = measure(labels, expit(pneumonia - normal))["auc"]
        add_to_curve(out, epoch, recipe.size_at(epoch), loss, score)
        console.print(
            f"epoch {epoch + 1:3d}/{recipe.epochs}  {recipe.size_at(epoch)} px  "
            f"loss {loss:.4f}  held-out AUC {score:.4f}"
        )

    network = fit(learned, recipe, out / "checkpoint.pt", report, first)
    learned_at_size = load_films(training, recipe.size, "training")
    settle_norms(network, learned_at_size, recipe.seed, frozen=recipe.frozen)
    serve(network, gate_to_keep(start), recipe.size, learned_at_size, validation, out)
    served = out / NETWORK_FILE
    evaluation = evaluate_films(validation, load_network(served))
    save(evaluation, data, out)
    for sentence in warn_of_few(labels):
        console.print(sentence, markup=False)
    before = measure(labels, predict_films(load_network(out / "full-precision.onnx"), validation))
    console.print(
        f"{served}: held-out AUC {evaluation.metrics['auc']:.4f} ({before['auc']:.4f} unquantised)"
    )


def warn_of_few(labels: Floats) -> list[str]:
    """Return a warning if there are too few held-out films, with labels [N], for useful figures."""
    ill, well = int(labels.sum()), int((1 - labels).sum())
    if min(ill, well) >= FEW_HELD_OUT:
        return []
    return [
        f"Only {ill} films with pneumonia and {well} without are held out. Even if the network is "
        f"right about all of them, its sensitivity may be as low as {wilson(ill, ill).low:.2f} and "
        f"its specificity as low as {wilson(well, well).low:.2f} (95 %). Hold more films out, by "
        "more films or fewer `folds` in the recipe."
    ]


def network_to_start_from(
    run: Path, held_out: Sequence[Film], films: torch.Tensor, recipe: Recipe
) -> ResNet18:
    """Return the network of `run`, if it did not learn from patients held out here.

    `run` is the folder of a training run, or one with the served file alone, like `model/`, or a
    file of weights from elsewhere, see `foreign_weights`.
    """
    if run.is_file():
        return foreign_weights(run)
    checkpoint, served = run / "checkpoint.pt", run / NETWORK_FILE
    if not (checkpoint.is_file() or served.is_file()):
        raise BadRecipe(f"{run} is not the folder of a training run: name one that --out left.")
    refuse_known_patients(run, held_out)
    if checkpoint.is_file():
        network = ResNet18()
        network.load_state_dict(load_checkpoint(checkpoint)["averaged"])
        return network
    network = weights_of(served)
    random = torch.Generator().manual_seed(recipe.seed)
    seen = films[torch.randperm(len(films), generator=random)[:WOKEN_ON]]
    wake_norms(network, augment(seen.float(), recipe.size, recipe.milder(), random))
    return network


def gate_to_keep(start: Path | None) -> Gate:
    """Return the gate of the network to start from, or the shipped network's if it has none."""
    served = start / NETWORK_FILE if start else SHIPPED_NETWORK
    own = gate_of(served) if served.is_file() else None
    gate = own or gate_of(SHIPPED_NETWORK)
    if gate is None:
        raise BadRecipe(f"{SHIPPED_NETWORK} has no gate: restore the file that is shipped.")
    return gate


def _describe(films: list[Film]) -> str:
    counts = (sum(film.label == label for film in films) for label in range(len(CLASSES)))
    classes = " + ".join(f"{n:,} {name}" for n, name in zip(counts, CLASSES, strict=True))
    return f"{len(films):,} films ({classes}) of {len({film.patient for film in films}):,} patients"


def class_labels(films: list[Film]) -> torch.Tensor:
    """Return 0 (normal) or 1 (pneumonia) for each film, int64 [N]."""
    return torch.tensor([film.label for film in films])
