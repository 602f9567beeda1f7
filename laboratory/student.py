"""The student: the shipped ResNet-18 learns from the teachers' answers, not from labels.

"A patient and consistent teacher" (Beyer et al., 2022, arXiv:2106.05237): teachers and student see
exactly the same views, cropped hard and mixed, for many epochs.
"""

import copy
import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from laboratory.checkpoints import WEIGHTS, Stateful, auc_of, keep, report, resume
from laboratory.compiled import compiled
from laboratory.films import Films, labelled, whole_batches
from laboratory.recipe import LaboratoryRecipe
from laboratory.recorded import recorded
from laboratory.teacher import Teachers
from training.learning.augment import augment
from training.learning.fit import average, fastest_device, generator_of, mixed_precision, sgd
from training.learning.network import ResNet18

_WARM_UP = 0.03  # share of the run in which the learning rate rises
_FLOOR = 0.005  # of the learning rate, at the end


def train_student(
    films: Films, teachers: Teachers, recipe: LaboratoryRecipe, seed: int, folder: Path
) -> None:
    """Train one student; write `weights.pt`, `curve.csv` and `checkpoint.pt` to `folder`.

    An interrupted run continues, with the same result as an uninterrupted one.
    """
    if (folder / WEIGHTS).exists():
        return
    plan = recipe.student
    children = len(films.training.films)
    adults = min(plan.adults_an_epoch, len(films.adults))
    device = fastest_device()
    pool = torch.cat([films.training.films, films.adults]).to(device)
    torch.manual_seed(seed)
    network = ResNet18().to(device)
    averaged = copy.deepcopy(network)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    side = recipe.teacher.sizes.last  # teachers answer worse at another size than their last
    answers = compiled(teachers, side, device)
    optimizer = sgd(network, plan.learning_rate, plan.weight_decay)
    steps = len(whole_batches(torch.arange(children + adults), plan.batch_size))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: learning_rate_share(step / (steps * plan.epochs), plan.decay_from)
    )
    parts: dict[str, Stateful] = {
        "network": network,
        "averaged": averaged,
        "optimizer": optimizer,
        "schedule": schedule,
    }

    def divergence(views: Tensor, seen: Tensor) -> Tensor:
        return _divergence(network, answers, views, seen, plan.temperature)

    step = recorded(network, divergence)
    held_out = labelled(films.validation, plan.sizes.last, "held-out")
    for epoch in range(resume(folder, parts), plan.epochs):
        random = generator_of(seed, epoch, device)
        size, total = plan.sizes.at(epoch, plan.epochs), torch.zeros((), device=device)
        extra = children + _shuffled(len(films.adults), random)[:adults]
        order = torch.cat([torch.arange(children, device=device), extra])
        order = order[_shuffled(len(order), random)]
        network.train()
        for number, chosen in enumerate(whole_batches(order, plan.batch_size)):
            views = augment(pool[chosen].float(), side, recipe.views, random)
            if number % 2:
                views = mixed(views, random)
            loss = step(views, _resized(views, size))
            optimizer.step()
            schedule.step()
            average(averaged, network, plan.averaging, schedule.last_epoch)
            total += loss / steps
        if (epoch + 1) % plan.kept_every and epoch + 1 < plan.epochs:
            continue
        keep(folder, epoch + 1, parts)
        auc = auc_of(averaged, held_out)
        figures = {"size": size, "loss": float(total), "held_out_auc": auc}
        report(folder, epoch, plan.epochs, figures)
    torch.save(averaged.state_dict(), folder / WEIGHTS)


def mixed(views: Tensor, random: torch.Generator) -> Tensor:
    """Blend each view with another one, in a share drawn from 0 to 1 (mixup)."""
    share = torch.rand((len(views), 1, 1, 1), generator=random, device=random.device)
    other = _shuffled(len(views), random)
    return share * views + (1 - share) * views[other]


def _shuffled(count: int, random: torch.Generator) -> Tensor:
    return torch.randperm(count, generator=random, device=random.device)


def learning_rate_share(done: float, decay_from: float) -> float:
    """Return the share of the highest learning rate after the share `done` of the run."""
    if done < _WARM_UP:
        return (done + 1e-3) / (_WARM_UP + 1e-3)
    if done < decay_from:
        return 1.0
    falling = (done - decay_from) / (1 - decay_from)
    return _FLOOR + (1 - _FLOOR) * (1 + math.cos(math.pi * min(1.0, falling))) / 2


def _resized(views: Tensor, size: int) -> Tensor:
    if views.shape[-1] == size:
        return views
    return F.interpolate(views, (size, size), mode="bilinear", antialias=True)


def _divergence(
    network: ResNet18,
    answers: Callable[[Tensor], Tensor],
    views: Tensor,
    seen: Tensor,
    temperature: float,
) -> Tensor:
    """Return the Kullback-Leibler divergence from the teachers' answers.

    The teachers answer for `views`, the network for the same views at its own size.
    """
    with mixed_precision(views.device):
        with torch.no_grad():
            taught = F.log_softmax(answers(views) / temperature, dim=1)
        logits = network(seen.contiguous(memory_format=torch.channels_last))
    learned = F.log_softmax(logits.float() / temperature, dim=1)
    divergence = F.kl_div(learned, taught, log_target=True, reduction="batchmean")
    return temperature**2 * divergence
