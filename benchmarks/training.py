"""Training: images a second of the project's loop, against the simplest loop."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from benchmarks.inputs import SAMPLES
from benchmarks.rows import Row, compare
from training.dataset.folder import Film, find_films
from training.dataset.pixels import load_films
from training.learning.augment import augment
from training.learning.fit import Labelled, fit
from training.learning.network import ResNet18
from training.learning.recipe import Recipe
from training.learning.train import class_labels

SECTION = "Training"
FILMS = 128
RECIPE = Recipe(epochs=1, batch_size=32, first_size=224, size=224)


def measure(rounds: int, say: Callable[[str], None]) -> list[Row]:
    ours, plain = [], []
    with tempfile.TemporaryDirectory() as folder:
        films = _films(Path(folder))
        for number in range(rounds):
            say(f"Training: round {number + 1} of {rounds}")
            (Path(folder) / "checkpoint.pt").unlink(missing_ok=True)
            ours.append(_rate(lambda: _ours(films, Path(folder) / "checkpoint.pt")))
            plain.append(_rate(lambda: _plain(films)))
    return [
        compare(
            SECTION,
            f"films of {RECIPE.size} px, an epoch with reading and augmentation",
            "films/s",
            ours,
            plain,
            "a plain PyTorch loop: Pillow, same network, batch and augmentation",
            at_least=1.3,
        )
    ]


def _films(folder: Path) -> list[Film]:
    """Return JPEG files of the size of the published films."""
    for number in range(FILMS):
        film = SAMPLES[number % len(SAMPLES)]
        small = folder / film.parent.name / f"{number}.jpeg"
        small.parent.mkdir(exist_ok=True)
        Image.open(film).convert("L").resize((RECIPE.size, RECIPE.size)).save(small)
    return find_films(folder)


def _rate(train: Callable[[], object]) -> float:
    began = time.perf_counter()
    train()
    return FILMS / (time.perf_counter() - began)


def _ours(films: list[Film], checkpoint: Path) -> None:
    learned = Labelled(load_films(films, RECIPE.stored_size, "training"), class_labels(films))
    fit(learned, RECIPE, checkpoint, lambda *_: None)


def _plain(films: list[Film]) -> None:
    random = torch.Generator().manual_seed(1)
    network, labels = ResNet18(), class_labels(films)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    for chosen in torch.split(torch.randperm(FILMS, generator=random), RECIPE.batch_size):
        pixels = [np.array(Image.open(films[index].path).convert("L")) for index in chosen]
        batch = torch.tensor(np.stack(pixels)).unsqueeze(1).float()
        batch = augment(batch, RECIPE.size, RECIPE, random)
        loss = F.cross_entropy(network(batch), labels[chosen])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
