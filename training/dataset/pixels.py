"""Load films into memory with the code that serves them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from imaging.network_input import network_input
from training.dataset.files import read_image
from training.dataset.folder import Film


def load_films(films: Sequence[Film], size: int, what: str) -> Tensor:
    """Return grey levels 0..255 as uint8 [N, 1, size, size], in the order of `films`.

    Raises BadDataset with the name of the first file that can't be read.
    """
    return load_images([film.path for film in films], size, f"{what} films")


def load_images(paths: Sequence[Path], size: int, what: str) -> Tensor:
    """Like `load_films`, for image files of any kind."""
    pixels = np.empty((len(paths), 1, size, size), dtype=np.uint8)

    def load(index: int) -> None:
        pixels[index, 0] = network_input(read_image(paths[index]), size)

    with ThreadPoolExecutor() as pool:
        for _ in track(pool.map(load, range(len(paths))), f"Reading {what}", len(paths)):
            pass
    return torch.from_numpy(pixels)
