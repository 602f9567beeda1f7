"""`cxr-alert teacher`: an ImageNet network learns from the films that the served one will see."""

import math
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from scipy.special import expit
from torch import Tensor
from torch.nn import functional as F

from training.dataset.folder import find_films, patients_below, split_films
from training.dataset.pixels import load_films
from training.evaluation.evaluate import labels_of
from training.evaluation.metrics import measure
from training.learning.augment import augment
from training.learning.fit import Labelled, average, save_state
from training.learning.recipe import Recipe
from training.learning.run import add_to_curve, claim, claim_source, epochs_done, note_split
from training.learning.teacher import WEIGHTS, Teacher
from training.learning.train import class_labels

WARM_UP = 0.2  # share of the run in which the learning rates rise
HEAD_FASTER = 5  # times the learning rate of the body, which knows something already


def train_teacher(data: Path, out: Path, recipe: Recipe, kept_out: Path | None) -> None:
    """Train a teacher by `recipe` on the films that `train` would train on.

    Leaves `teacher.pt` (the averaged weights) in `out`, with `validation.txt`, `patients.txt`,
    `recipe.json`, `curve.csv` and `checkpoint.pt`, from which an interrupted run goes on. The loss
    is adjusted for the classes' shares (Menon et al., 2021, arXiv:2007.07314), so the logits are
    for even classes.
    Raises BadDataset, and BadRecipe as `train` does.
    """
    console = Console()
    films = find_films(data)
    apart = patients_below(kept_out)
    training, validation = split_films(films, recipe.fold, recipe.folds, apart)
    claim(out, recipe)
    learned = Labelled(load_films(training, recipe.stored_size, "training"), class_labels(training))
    held = load_films(validation, recipe.size, "held-out")
    claim_source(out, learned, held, None)
    note_split(out, data, training, validation)
    labels = labels_of(validation)

    torch.manual_seed(recipe.seed)
    network, averaged = Teacher(), Teacher()
    averaged.load_state_dict(network.state_dict())
    averaged.eval()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    head = list(network.body._fc.parameters())
    body = [p for p in network.parameters() if all(p is not each for each in head)]
    rates = [recipe.learning_rate, HEAD_FASTER * recipe.learning_rate]
    optimizer = torch.optim.AdamW(
        [{"params": part, "lr": rate} for part, rate in zip((body, head), rates, strict=True)],
        weight_decay=recipe.weight_decay,
    )
    steps = math.ceil(len(training) / recipe.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rates, total_steps=recipe.epochs * steps, pct_start=WARM_UP
    )
    first, checkpoint = epochs_done(out), out / "checkpoint.pt"
    if first:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        averaged.load_state_dict(state["averaged"])
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
    prior = (torch.bincount(learned.labels).float() / len(training)).log()
    for epoch in range(first, recipe.epochs):
        random = torch.Generator().manual_seed(recipe.seed * 1_000_003 + epoch)
        network.train()
        total = 0.0
        order = torch.randperm(len(training), generator=random).split(recipe.batch_size)
        for chosen in track(order, f"Epoch {epoch + 1}/{recipe.epochs}"):
            views = augment(learned.films[chosen].float(), recipe.size, recipe, random)
            logits = network(views) + prior
            loss = F.cross_entropy(
                logits, learned.labels[chosen], label_smoothing=recipe.label_smoothing
            )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            average(averaged, network, recipe.ema_decay, schedule.last_epoch)
            total += loss.item() * len(chosen)
        auc = measure(labels, expit(_evidence(averaged, held).numpy()))["auc"]
        add_to_curve(out, epoch, recipe.size, total / len(training), auc)
        console.print(f"epoch {epoch + 1:3d}/{recipe.epochs}  held-out AUC {auc:.4f}")
        state = {
            "epoch": epoch + 1,
            "network": network.state_dict(),
            "averaged": averaged.state_dict(),
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
        }
        save_state(state, checkpoint)
    torch.save(averaged.state_dict(), out / WEIGHTS)
    console.print(f"{out / WEIGHTS}: `cxr-alert train --teacher {out}` learns from it.")


@torch.inference_mode()
def _evidence(teacher: Teacher, films: Tensor, batch_size: int = 64) -> Tensor:
    """Films uint8 [N, 1, S, S] -> the logit of pneumonia less that of normal, float64 [N]."""
    logits = torch.cat([teacher(part.float()) for part in films.split(batch_size)])
    return (logits[:, 1] - logits[:, 0]).double()
