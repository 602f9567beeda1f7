"""The predictors, and concurrent requests to them."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from rich.console import Console
from rich.markup import escape
from rich.progress import track

from imaging.refusals import NotReadable
from imaging.rendition import for_an_endpoint
from screening.errors import Mistake
from screening.formats import refuse_others
from screening.messages import printable
from screening.refusals import Code, Rejected
from serving.gate import OutOfDistribution
from serving.network import Network

NO_GATE = (
    "has no gate: it gives any image a probability, an X-ray of a knee as well. "
    "Train it again with `cxr-alert train`, which adds the gate of the shipped network."
)

Probabilities: TypeAlias = tuple[float, float]  # normal, pneumonia


class NoAnswer(Mistake):
    """The endpoint can't be asked; the message says why and what to do."""


class NotAllRead(Mistake):
    """Some images could not be read; the message says how many."""


class Predictor(Protocol):
    """An object to ask from several threads: a Network, or a live Endpoint."""

    @property
    def name(self) -> str:
        """Return the name of the network that answers, if it is known."""

    def classify(self, film: bytes, *, gated: bool = False) -> Probabilities:
        """Return the answer for one film; raise NotReadable if it is not a film.

        If `gated`, it raises OutOfDistribution for a film that the gate rejects.
        """


@dataclass(frozen=True)
class Unread:
    """Replaces probabilities: the reason why there are none, and the application's code for it."""

    why: str
    code: str | None = None


@dataclass(frozen=True)
class ParallelPredictor:
    """A predictor, its name before its first answer, and the number of concurrent films."""

    predictor: Predictor
    title: str
    at_once: int
    prevalence: float | None = None  # the prevalence of its calibration, if known

    def predict(
        self, images: Sequence[Path], *, gated: bool = False
    ) -> Iterator[Probabilities | Unread]:
        """Return the answer for each of `images`, in their order, with a progress bar on stderr.

        Labelled films are measured without the gate; the application uses it (`gated`). Raises
        NoAnswer if an endpoint can't be asked.
        """

        def one(image: Path) -> Probabilities | Unread:
            try:
                film = image.read_bytes()
                refuse_others(film)
                return self.predictor.classify(for_an_endpoint(film), gated=gated)
            except OSError as error:
                return Unread(f"{error.strerror or error}.")
            except (NotReadable, Rejected, OutOfDistribution) as refused:
                return Unread(str(refused), refused.code if film else Code.EMPTY)

        bar = Console(stderr=True)
        with ThreadPoolExecutor(self.at_once) as pool:
            answers = pool.map(one, images)
            yield from track(answers, f"Asking {self.title}", len(images), console=bar)


def load_network(model: Path) -> ParallelPredictor:
    """Load the network in `model` with the serving code; raise BadNetwork for another file."""
    threads = os.cpu_count() or 1
    network = Network(model, threads)
    if not network.has_gate:
        Console(stderr=True, soft_wrap=True).print(
            f"[bold]Warning:[/] {escape(printable(str(model)))} {NO_GATE}"
        )
    return ParallelPredictor(network, network.name, threads, network.prevalence)
