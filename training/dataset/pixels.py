"""Films in memory, read by the same code that serves them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from imaging.network_input import network_input
from imaging.readers import read_grey
from imaging.refusals import NotReadable
from training.dataset.folder import BadDataset, Film


def load_films(films: Sequence[Film], size: int, what: str) -> Tensor:
    """Grey levels 0..255 as uint8 [N, 1, size, size], in the order of `films`.

    Raises BadDataset naming the first file that can't be read.
    """
    pixels = np.empty((len(films), 1, size, size), dtype=np.uint8)

    def load(index: int) -> None:
        path = films[index].path
        try:
            pixels[index, 0] = network_input(read_grey(path.read_bytes()), size)
        except (OSError, NotReadable) as error:
            raise BadDataset(f"{path} can't be read: {error} Replace or remove it.") from error

    with ThreadPoolExecutor() as pool:
        for _ in track(pool.map(load, range(len(films))), f"Reading {what} films", len(films)):
            pass
    return torch.from_numpy(pixels)
