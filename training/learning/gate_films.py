"""The pictures that the gate learns from: chest films, whole and spoilt, and other things."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imaging.network_input import network_input
from imaging.readers import read_grey
from imaging.refusals import NotReadable
from serving.gate import KINDS
from training.dataset.folder import SUFFIXES, BadDataset
from training.learning import outliers
from training.learning.outliers import Grey

CHILD, ADULT, DRAWN = "child", "adult", "drawn"
_STORED = 224  # the side that pictures are varied at


@dataclass(frozen=True)
class GatePictures:
    """Grey levels uint8 [N, S, S], of what kind each is (an index of KINDS), and its source."""

    films: NDArray[np.uint8]
    kinds: list[int]
    sources: list[str]


@dataclass(frozen=True)
class Sources:
    """Files by where they come from: children's and adults' chests, and other things by kind."""

    children: Sequence[Path]
    adults: Sequence[Path]
    others: Mapping[str, Sequence[Path]]


@dataclass(frozen=True)
class Counts:
    """How many pictures of each sort are made for training."""

    whole: int = 8000
    adults: int = 2500
    spoilt: int = 2500  # of each sort: inverted, turned, laid out
    others: int = 6000
    drawn: int = 2000


def pictures_in(folder: Path) -> list[Path]:
    """The JPEG and PNG files in `folder`; BadDataset if it has none."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not found:
        raise BadDataset(f"No JPEG or PNG lies below {folder}: name a folder of pictures.")
    return found


def make_pictures(sources: Sources, size: int, counts: Counts, seed: int) -> GatePictures:
    """Varied pictures [N, size, size] of all kinds; the same seed gives the same."""
    random = np.random.default_rng(seed)
    children, adults = read_all(sources.children, _STORED), read_all(sources.adults, _STORED)
    others = {kind: read_all(paths, _STORED) for kind, paths in sources.others.items()}
    made = [
        (network_input(film, size), KINDS.index(kind), source)
        for film, kind, source in _draw(children, adults, others, counts, random)
    ]
    films, kinds, names = zip(*made, strict=True)
    return GatePictures(np.stack(films), list(kinds), list(names))


def read_all(paths: Sequence[Path], size: int) -> NDArray[np.uint8]:
    """Grey levels uint8 [N, size, size] of the files, as they are served."""

    def read(path: Path) -> Grey:
        try:
            return network_input(read_grey(path.read_bytes()), size)
        except (OSError, NotReadable) as error:
            raise BadDataset(f"{path} can't be read: {error} Replace or remove it.") from error

    with ThreadPoolExecutor() as pool:
        return np.stack(list(pool.map(read, paths)))


def _draw(
    children: NDArray[np.uint8],
    adults: NDArray[np.uint8],
    others: dict[str, NDArray[np.uint8]],
    counts: Counts,
    random: np.random.Generator,
) -> Iterator[tuple[Grey, str, str]]:
    """Each picture with its kind and source."""

    def any_of(films: NDArray[np.uint8]) -> Grey:
        return np.asarray(films[random.integers(len(films))])

    def chest() -> tuple[Grey, str]:
        # Adults' films spoilt as well, so that what is spoilt isn't told by whose chest it is.
        return (any_of(children), CHILD) if random.random() < 0.75 else (any_of(adults), ADULT)

    for number in range(counts.whole):
        film = children[number % len(children)]
        yield (film if random.random() < 0.2 else outliers.varied(film, random)), "chest", CHILD
    for number in range(counts.adults):
        film = adults[number % len(adults)]
        yield (film if random.random() < 0.2 else outliers.varied(film, random)), "adult", ADULT
    for _ in range(counts.spoilt):
        film, source = chest()
        yield outliers.inverted(film, random), "inverted", source
        film, source = chest()
        yield outliers.turned(film, random), "turned", source
        film, source = chest()
        yield outliers.part(film, random), "layout", source
        film, source = chest()
        yield outliers.laid_out(film, any_of(children), random), "layout", source
    for number in range(counts.others):
        kind = sorted(others)[number % len(others)]
        picture = any_of(others[kind])
        yield outliers.another_thing(picture, random), "not_chest", kind
    for _ in range(counts.drawn):
        yield outliers.drawn(_STORED, random), "not_chest", DRAWN
        yield outliers.shuffled(any_of(children), random), "not_chest", DRAWN
