"""The training loop: turns films and a recipe into the averaged network."""

import copy
import hashlib
import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.nn import functional as F

from training.learning.augment import augment, mix
from training.learning.network import ResNet18, train_mode
from training.learning.recipe import BadRecipe, Recipe

MOMENTUM = 0.9
WARM_UP = 0.2  # share of the run in which the learning rate rises


@dataclass(frozen=True)
class Labelled:
    """Films uint8 [N, 1, S, S] of grey levels with labels int64 [N] (0 normal, 1 pneumonia)."""

    films: Tensor
    labels: Tensor


def without_copies(training: Labelled) -> Labelled:
    """Return the films without those that have the pixels and the label of an earlier one."""
    seen: dict[tuple[bytes, int], int] = {}
    for index, (film, label) in enumerate(zip(training.films, training.labels, strict=True)):
        digest = hashlib.sha256(film.numpy().tobytes()).digest()
        seen.setdefault((digest, int(label)), index)
    kept = torch.tensor(list(seen.values()))
    return Labelled(training.films[kept], training.labels[kept])


def fit(
    training: Labelled,
    recipe: Recipe,
    checkpoint: Path,
    after_epoch: Callable[[int, float, ResNet18], None],
    start: ResNet18 | None = None,
) -> ResNet18:
    """Train and return the network with exponentially averaged weights (EMA).

    Begins with the network `start`, or from scratch. Resumes from `checkpoint` if it exists, with
    the same result as an uninterrupted run, and writes a checkpoint after each epoch. `after_epoch`
    is called with the epoch, its mean loss, and the averaged network.
    """
    device = fastest_device()
    torch.manual_seed(recipe.seed)
    network = ResNet18().to(device)
    if start:
        network.load_state_dict(start.state_dict())
    averaged = copy.deepcopy(network).eval()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    train_mode(network, recipe.frozen)
    optimizer = sgd(network, recipe.learning_rate, recipe.weight_decay)
    scaler = torch.amp.GradScaler(device.type, enabled=_precision(device) == torch.float16)
    shown = len(_order(training.labels, recipe.balanced, torch.Generator()))
    steps = math.ceil(shown / recipe.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=recipe.epochs * steps, pct_start=WARM_UP
    )
    first = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        first = state["epoch"]
        network.load_state_dict(state["network"])
        averaged.load_state_dict(state["averaged"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        scaler.load_state_dict(state["scaler"])

    with _bar() as bar:
        task = bar.add_task("", total=recipe.epochs * shown, completed=first * shown, loss="")
        for epoch in range(first, recipe.epochs):
            random = generator_of(recipe.seed, epoch)
            size = recipe.size_at(epoch)
            bar.update(task, description=f"Epoch {epoch + 1}/{recipe.epochs} at {size} px")
            train_mode(network, recipe.frozen)
            total = 0.0
            order = _order(training.labels, recipe.balanced, random)
            for chosen in order.split(recipe.batch_size):
                films = training.films[chosen].to(device).float()
                batch = _views(films, size, recipe, random)
                targets = F.one_hot(training.labels[chosen].to(device), 2).float()
                targets = targets.repeat(len(batch) // len(chosen), 1)
                batch, targets = mix(batch, targets, recipe.mixup, random)
                loss = _step(network, optimizer, scaler, batch, targets, recipe)
                schedule.step()
                average(averaged, network, recipe.ema_decay, schedule.last_epoch)
                if not math.isfinite(loss):
                    raise diverged(epoch, recipe)
                total += loss * len(chosen)
                bar.update(task, advance=len(chosen), loss=f"loss {loss:.3f}")
            if not predict_logits(averaged, training.films[chosen]).isfinite().all():
                raise diverged(epoch, recipe)
            state = {
                "epoch": epoch + 1,
                "network": network.state_dict(),
                "averaged": averaged.state_dict(),
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
                "scaler": scaler.state_dict(),
            }
            save_state(state, checkpoint)
            after_epoch(epoch, total / shown, averaged)
    return averaged.cpu()


def save_state(state: dict[str, Any], checkpoint: Path) -> None:
    """Replace `checkpoint` atomically: an interruption leaves the one before."""
    unfinished = checkpoint.with_suffix(".part")
    saved = io.BytesIO()
    torch.save(state, saved)
    unfinished.write_bytes(saved.getbuffer())  # PyTorch's own error for a full disk is unclear
    unfinished.replace(checkpoint)


def diverged(epoch: int, recipe: Recipe) -> BadRecipe:
    return BadRecipe(
        f"Training diverged in epoch {epoch + 1}: the network's weights are no "
        f"longer finite. Lower the recipe's learning_rate, now {recipe.learning_rate:g}, and train "
        "again."
    )


@torch.inference_mode()
def predict_logits(network: nn.Module, films: Tensor, batch_size: int = 64) -> Tensor:
    """Turn films uint8 [N, 1, S, S] into logits float32 [N, 2] on the CPU, in full precision."""
    device = next(network.parameters()).device
    return torch.cat([network(part.to(device).float()).cpu() for part in films.split(batch_size)])


def disagreement(logits: Tensor) -> Tensor:
    """Return how differently the two halves of logits [2N, 2] judge the same films.

    This is the symmetric Kullback-Leibler divergence, as in R-Drop (Liang et al., 2021).
    """
    mild, strong = F.log_softmax(logits, dim=1).chunk(2)
    return ((mild.exp() - strong.exp()) * (mild - strong)).sum(dim=1).mean() / 2


def _order(labels: Tensor, balanced: int, random: torch.Generator) -> Tensor:
    """Draw the films of an epoch: all, or as many of each class as the rarer one has."""
    order = torch.randperm(len(labels), generator=random)
    if not balanced:
        return order
    parts = [order[labels[order] == label] for label in (0, 1)]
    even = torch.cat([part[: min(map(len, parts))] for part in parts])
    return even[torch.randperm(len(even), generator=random)]


def _views(films: Tensor, size: int, recipe: Recipe, random: torch.Generator) -> Tensor:
    """Return varied films [N, 1, size, size], or [2N, ...] to compare a mild and a strong view."""
    strong = augment(films, size, recipe, random)
    if recipe.consistency == 0:
        return strong
    return torch.cat([augment(films, size, recipe.milder(), random), strong])


def _step(
    network: ResNet18,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    films: Tensor,
    targets: Tensor,
    recipe: Recipe,
) -> float:
    films = films.contiguous(memory_format=torch.channels_last)
    with mixed_precision(films.device):
        logits = network(films)
    loss = F.cross_entropy(logits.float(), targets, label_smoothing=recipe.label_smoothing)
    if recipe.consistency:
        loss = loss + recipe.consistency * disagreement(logits.float())
    optimizer.zero_grad(set_to_none=True)
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    return loss.item()


def fastest_device() -> torch.device:
    """Return the first GPU, or the CPU if there is none."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _precision(device: torch.device) -> torch.dtype:
    """Return the fast precision of the chip: bfloat16 if it has native support.

    GPUs without it have float16, with small gradients that are lost unless they are scaled.
    """
    if device.type == "cuda":
        own = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if own else torch.float16
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32


def mixed_precision(device: torch.device) -> torch.autocast:
    """Return the context of fastest training: `_precision`, if it is below single precision."""
    precision = _precision(device)
    return torch.autocast(device.type, precision, enabled=precision != torch.float32)


def generator_of(seed: int, epoch: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return the generator of an epoch, so that a resumed run draws like an uninterrupted one."""
    return torch.Generator(device).manual_seed(seed * 1_000_003 + epoch)


def sgd(network: nn.Module, learning_rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """Return SGD with decay for kernels and matrices only, not for norms and biases."""
    learning = [p for p in network.parameters() if p.requires_grad]
    decayed = [p for p in learning if p.ndim > 1]
    others = [p for p in learning if p.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": others},
    ]
    return torch.optim.SGD(groups, lr=learning_rate, momentum=MOMENTUM, nesterov=True)


@torch.no_grad()
def average(averaged: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move the average towards the network, faster in the first steps, when it is mostly noise."""
    decay = min(decay, (1 + step) / (10 + step))
    pairs = list(zip(averaged.state_dict().values(), network.state_dict().values(), strict=True))
    moving = [pair for pair in pairs if pair[0].is_floating_point()]
    # One call for all tensors: on a GPU, one call for each takes longer than the training step.
    torch._foreach_lerp_([mean for mean, _ in moving], [value for _, value in moving], 1 - decay)
    for mean, value in pairs:
        if not mean.is_floating_point():
            mean.copy_(value)


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}"),
    )
