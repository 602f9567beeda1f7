"""Networks' answers for films in every rendering: decoded once, asked many times."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from imaging.edges import without_padding
from imaging.grey import Grey
from imaging.network_input import network_input
from serving.gate import KINDS
from serving.network import Network
from training.dataset.files import read_image
from training.dataset.folder import Film
from training.evaluation.calibration import Floats
from training.evaluation.rerender import RENDERINGS, UNSEEN, Rendering, rerender


@dataclass(frozen=True)
class Answers:
    """For films [N] in renderings [R]: probability of pneumonia, and the kind by the gate.

    `probabilities` and `kinds` (indices of gate.KINDS; all 0 without a gate) are [N, R].
    """

    probabilities: Floats
    kinds: NDArray[np.int64]

    @property
    def refused(self) -> NDArray[np.bool_]:
        refused: NDArray[np.bool_] = self.kinds != KINDS.index("chest")
        return refused


def answers(
    network: Network, films: Sequence[Film], renderings: Mapping[str, Rendering]
) -> Answers:
    """Ask `network` about each of `films` in each of `renderings`; raises BadDataset."""
    return answers_of_each([network], films, renderings)[0]


def answers_of_each(
    networks: Sequence[Network], films: Sequence[Film], renderings: Mapping[str, Rendering]
) -> list[Answers]:
    """Like `answers`, for several networks: each film is rendered once for all of them."""
    threads = os.cpu_count() or 1

    def one(film: Film) -> list[list[tuple[float, int]]]:
        grey = read_image(film.path)
        shown = (_as_read(grey, each) for each in renderings.values())
        return [[ask(network, each) for network in networks] for each in shown]

    with ThreadPoolExecutor(threads) as pool:
        bar = Console(stderr=True)
        name = networks[0].name if len(networks) == 1 else f"{len(networks)} networks"
        rows = track(pool.map(one, films), f"Asking {name}", len(films), console=bar)
        table = np.array(list(rows))
    of_each = np.moveaxis(table, 2, 0)  # [networks, films, renderings, 2]
    return [Answers(each[..., 0], each[..., 1].astype(np.int64)) for each in of_each]


def ask(network: Network, grey: Grey) -> tuple[float, int]:
    """Return the probability of pneumonia, and the kind of the image by the gate."""
    found = network.answers(network_input(grey, network.size))
    kind = int(found["gate"].argmax()) if "gate" in found else KINDS.index("chest")
    return float(found["probabilities"][1]), kind


def in_some_renderings(film: Film, index: int, size: int) -> list[Grey]:
    """Return the film as it is and in every third rendering, as a network of that `size` takes it.

    The next `index` has other renderings.
    """
    grey = read_image(film.path)
    others = list((RENDERINGS | UNSEEN).values())[1:]
    shown = [grey, *(_as_read(grey, rendering) for rendering in others[index % 3 :: 3])]
    return [network_input(each, size) for each in shown]


def _as_read(grey: Grey, rendering: Rendering) -> Grey:
    """Return the film as a reader would give it after such an export: padding is cut off."""
    return without_padding(rerender(grey, rendering))
