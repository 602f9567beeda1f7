"""The images that the gate learns from: chest films, suitable and spoilt, and other images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imaging.network_input import network_input
from laboratory import outliers
from laboratory.outliers import Grey
from laboratory.recipe import Counts
from serving.gate import KINDS
from training.dataset.pixels import load_images
from training.learning.gate import shrunk

CHILD, ADULT, DRAWN = "child", "adult", "drawn"
_STORED = 224  # the side of images when they are varied


@dataclass(frozen=True)
class GateImages:
    """Outputs of `shrunk`, uint8 [N, 1, SIDE, SIDE], with kind and source of each.

    `kinds` are indices of KINDS, int64 [N].
    """

    small: Tensor
    kinds: Tensor
    sources: NDArray[np.str_]

    def only(self, chosen: NDArray[np.bool_]) -> "GateImages":
        here = torch.from_numpy(np.flatnonzero(chosen))
        return GateImages(self.small[here], self.kinds[here], self.sources[chosen])


@dataclass(frozen=True)
class Sources:
    """Files by source: children's films by class, adults' films, and other images by kind."""

    normal: Sequence[Path]
    pneumonia: Sequence[Path]
    adults: Sequence[Path]
    others: Mapping[str, Sequence[Path]]


def make_images(sources: Sources, size: int, counts: Counts, seed: int) -> GateImages:
    """Return varied images of all kinds, as a network of side `size` sees them.

    The same seed gives the same images. Half of the children's films are healthy ones, and half of
    the adults' films get opacities, so that disease does not distinguish a child from an adult.
    """
    random = np.random.default_rng(seed)
    children = [_read(sources.normal), _read(sources.pneumonia)]
    adults = _read(sources.adults)
    others = {kind: _read(paths) for kind, paths in sources.others.items()}
    small, kinds, names = [], [], []
    for film, kind, source in _draw(children, adults, others, counts, random):
        grey = torch.tensor(network_input(film, size))[None, None].float()
        small.append(shrunk(grey).round().to(torch.uint8)[0])
        kinds.append(KINDS.index(kind))
        names.append(source)
    return GateImages(torch.stack(small), torch.tensor(kinds), np.array(names))


def _read(paths: Sequence[Path]) -> NDArray[np.uint8]:
    return np.asarray(load_images(paths, _STORED, "images")[:, 0].numpy())


def _draw(
    children: Sequence[NDArray[np.uint8]],
    adults: NDArray[np.uint8],
    others: dict[str, NDArray[np.uint8]],
    counts: Counts,
    random: np.random.Generator,
) -> Iterator[tuple[Grey, str, str]]:
    """Yield each image with its kind and source."""

    def any_of(films: NDArray[np.uint8]) -> Grey:
        return np.asarray(films[random.integers(len(films))])

    def child() -> Grey:
        return any_of(children[int(random.integers(len(children)))])

    def adult() -> Grey:
        film = any_of(adults)
        return outliers.clouded(film, random) if random.random() < 0.5 else film

    def chest() -> tuple[Grey, str]:
        # Adults' films are spoilt as well, so that age does not show whether a film is spoilt.
        return (child(), CHILD) if random.random() < 0.75 else (adult(), ADULT)

    def perhaps_varied(film: Grey) -> Grey:
        return film if random.random() < 0.2 else outliers.varied(film, random)

    for _ in range(counts.whole):
        yield perhaps_varied(child()), "chest", CHILD
    for _ in range(counts.adults):
        yield perhaps_varied(adult()), "adult", ADULT
    for _ in range(counts.spoilt):
        film, source = chest()
        yield outliers.inverted(film, random), "inverted", source
        film, source = chest()
        yield outliers.turned(film, random), "turned", source
        film, source = chest()
        yield outliers.part(film, random), "layout", source
        film, source = chest()
        yield outliers.laid_out(film, child(), random), "layout", source
    for number in range(counts.others):
        kind = sorted(others)[number % len(others)]
        yield outliers.another_thing(any_of(others[kind]), random), "not_chest", kind
    for _ in range(counts.drawn):
        yield outliers.drawn(_STORED, random), "not_chest", DRAWN
        yield outliers.shuffled(child(), random), "not_chest", DRAWN
