"""Training: images a second of the project's loop, against the loop that one writes first."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn import functional as F

from benchmarks.rows import Row, compare
from training.augment import augment
from training.fit import Labelled, fit
from training.network import ResNet18
from training.recipe import Recipe

SECTION = "Training"
FILMS = 128
RECIPE = Recipe(epochs=1, batch_size=32, first_size=160, size=160)


def measure(rounds: int, say: Callable[[str], None]) -> list[Row]:
    random = torch.Generator().manual_seed(1)
    films = torch.randint(0, 256, (FILMS, 1, 224, 224), dtype=torch.uint8, generator=random)
    learned = Labelled(films, torch.arange(FILMS) % 2)
    ours, plain = [], []
    for number in range(rounds):
        say(f"Training: round {number + 1} of {rounds}")
        ours.append(_rate(_ours, learned))
        plain.append(_rate(_plain, learned))
    return [
        compare(
            SECTION,
            f"films of {RECIPE.size} px, augmented",
            "films/s",
            ours,
            plain,
            "a plain PyTorch loop, same network, batch and augmentation",
        )
    ]


def _rate(train: Callable[[Labelled], object], learned: Labelled) -> float:
    began = time.perf_counter()
    train(learned)
    return FILMS / (time.perf_counter() - began)


def _ours(learned: Labelled) -> None:
    with tempfile.TemporaryDirectory() as folder:
        fit(learned, RECIPE, Path(folder) / "checkpoint.pt", lambda *_: None)


def _plain(learned: Labelled) -> None:
    random = torch.Generator().manual_seed(1)
    network = ResNet18()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    for chosen in torch.split(torch.randperm(FILMS, generator=random), RECIPE.batch_size):
        batch = augment(learned.films[chosen].float(), RECIPE.size, RECIPE, random)
        loss = F.cross_entropy(network(batch), learned.labels[chosen])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
