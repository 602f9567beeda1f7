"""Training of the gate, and the share of images that it rejects."""

import copy
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from laboratory.checkpoints import WEIGHTS, Stateful, keep, report, resume
from laboratory.films import Folders, adults_to_train_on, images_in, split, whole_batches
from laboratory.gate_images import GateImages, Sources, make_images
from laboratory.recipe import GateRecipe, LaboratoryRecipe
from laboratory.recorded import recorded
from serving.gate import KINDS
from training.dataset.folder import BadDataset
from training.learning.augment import augment
from training.learning.fit import average, fastest_device, generator_of, mixed_precision
from training.learning.gate import Gate


def sources_of(folders: Folders, recipe: LaboratoryRecipe) -> Sources:
    """Return the files that the gate learns from; raise BadDataset if a folder is empty."""
    training, _ = split(folders, recipe)
    kinds = sorted(path.name for path in folders.others.glob("*") if path.is_dir())
    if not kinds:
        raise BadDataset(
            f"There is no folder in {folders.others}: put a folder for each kind there."
        )
    return Sources(
        normal=[film.path for film in training if film.label == 0],
        pneumonia=[film.path for film in training if film.label == 1],
        adults=adults_to_train_on(folders.adults),
        others={kind: images_in(folders.others / kind) for kind in kinds},
    )


def train_gate(folders: Folders, recipe: LaboratoryRecipe, size: int, folder: Path) -> None:
    """Train the gate for films of side `size`; write `weights.pt` to `folder`. It can resume."""
    if (folder / WEIGHTS).exists():
        return
    made = folder / "images.pt"
    if made.exists():
        images = GateImages(*torch.load(made, weights_only=False))
    else:
        folder.mkdir(parents=True, exist_ok=True)
        images = make_images(
            sources_of(folders, recipe), size, recipe.gate.counts, recipe.gate.seed
        )
        torch.save((images.small, images.kinds, images.sources), made)
    gate = fit_gate(images, recipe.gate, folder)
    torch.save(gate.state_dict(), folder / WEIGHTS)


def fit_gate(images: GateImages, plan: GateRecipe, folder: Path) -> Gate:
    """Train on `images`; each kind has the same weight, however many images it has."""
    device = fastest_device()
    pool, kinds = images.small.to(device), images.kinds.to(device)
    torch.manual_seed(plan.seed)
    gate = Gate().to(device)
    averaged = copy.deepcopy(gate)
    gate.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    count = torch.bincount(kinds, minlength=len(KINDS)).clamp(min=1)
    weights = (count.sum() / count / len(KINDS)).sqrt()
    steps = len(whole_batches(kinds, plan.batch_size))
    optimizer = torch.optim.AdamW(gate.parameters(), plan.learning_rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, plan.learning_rate, total_steps=plan.epochs * steps
    )
    parts: dict[str, Stateful] = {
        "network": gate,
        "averaged": averaged,
        "optimizer": optimizer,
        "schedule": schedule,
    }

    def weighted(views: Tensor, targets: Tensor) -> Tensor:
        with mixed_precision(views.device):
            logits = gate(views)
        return F.cross_entropy(
            logits.float(), targets, weights, label_smoothing=plan.label_smoothing
        )

    step = recorded(gate, weighted)
    for epoch in range(resume(folder, parts), plan.epochs):
        random = generator_of(plan.seed, epoch, device)
        order = torch.randperm(len(kinds), generator=random, device=device)
        gate.train()
        total = torch.zeros((), device=device)
        for chosen in whole_batches(order, plan.batch_size):
            small = pool[chosen].float()
            views = augment(small, small.shape[-1], plan.views, random)
            loss = step(views, kinds[chosen])
            optimizer.step()
            schedule.step()
            average(averaged, gate, plan.averaging, schedule.last_epoch)
            total += loss / steps
        keep(folder, epoch + 1, parts)
        report(folder, epoch, plan.epochs, {"loss": float(total)})
    return averaged.cpu().eval()


@torch.inference_mode()
def gate_logits(gate: Gate, small: Tensor) -> NDArray[np.float64]:
    """Return logits [N, KINDS] of `shrunk` films uint8 [N, 1, SIDE, SIDE]."""
    found = torch.cat([gate(part.float()) for part in small.split(64)])
    return np.asarray(found.double().numpy())
