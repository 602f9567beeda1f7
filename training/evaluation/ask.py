"""Whom to ask about films, a network file or a live endpoint, and how: several films at once."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from rich.console import Console
from rich.progress import track

from imaging.pixels import NotReadable
from serving.network import Network
from training.mistake import Mistake

SHIPPED = Path(__file__).parents[2] / "model" / "cxr-resnet18.onnx"

Probabilities: TypeAlias = tuple[float, float]  # normal, pneumonia


class NoAnswer(Mistake):
    """The endpoint can't be asked; the message says why and what to do."""


class NotAllRead(Mistake):
    """Some images could not be read; the message says how many."""


class Respondent(Protocol):
    """What can be asked from several threads: serving.network.Network, or endpoint.Endpoint."""

    @property
    def name(self) -> str:
        """Which network answers, as far as it says so."""

    def classify(self, film: bytes) -> Probabilities:
        """Answer about one film; raise NotReadable where it is none."""


@dataclass(frozen=True)
class Unread:
    """In place of probabilities: why there are none, fit to be shown."""

    why: str


@dataclass(frozen=True)
class Asked:
    """A respondent, with what it is called and how many films it takes at once."""

    respondent: Respondent
    called: str
    at_once: int

    def about(self, images: Sequence[Path]) -> Iterator[Probabilities | Unread]:
        """Give the answer about each of `images`, in their order, with a bar on stderr.

        Raises NoAnswer when an endpoint can't be asked.
        """

        def one(image: Path) -> Probabilities | Unread:
            try:
                return self.respondent.classify(image.read_bytes())
            except OSError as error:
                return Unread(f"{error.strerror or error}.")
            except NotReadable as error:
                return Unread(str(error))

        bar = Console(stderr=True)
        with ThreadPoolExecutor(self.at_once) as pool:
            answers = pool.map(one, images)
            yield from track(answers, f"Asking {self.called}", len(images), console=bar)


def ask_file(model: Path) -> Asked:
    """The network in `model`, by the code that serves; raises BadNetwork for another file."""
    threads = os.cpu_count() or 1
    network = Network(model, threads)
    return Asked(network, network.name, threads)


def ask_endpoint(name: str) -> Asked:
    """The live endpoint `name`; raises NoAnswer without credentials or a region."""
    from training.evaluation.live_endpoint import (  # the AWS SDK, for those who ask AWS
        AT_ONCE,
        connect,
    )

    return Asked(connect(name), f"endpoint {name}", AT_ONCE)
