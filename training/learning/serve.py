"""Turn a trained network into the served file: in eight bits, with its scale and its gate."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from imaging.network_input import network_input
from screening.config import DEFAULT_CUTOFF
from serving.network import Network
from serving.shipped import NETWORK_FILE
from training.dataset.files import read_image
from training.dataset.folder import Film
from training.dataset.pixels import load_films
from training.evaluation.calibration import Floats
from training.evaluation.evaluate import labels_of
from training.evaluation.renderings import in_some_renderings
from training.learning.export import export
from training.learning.fit import predict_logits
from training.learning.gate import Gate
from training.learning.limits import limits
from training.learning.network import Classifier, ResNet18
from training.learning.quantize import quantize
from training.learning.rescale import rescale, scale_of, set_limits
from training.learning.scale import PREVALENCE, Scale, fit_scale, scale_interval

QUANTIZED_ON = 300  # training films that set the ranges of the eight bits


def serve(
    network: ResNet18,
    gate: Gate,
    size: int,
    films: Tensor,
    validation: Sequence[Film],
    out: Path,
    prevalence: float = PREVALENCE,
) -> None:
    """Write `full-precision.onnx` and, in eight bits, `cxr-resnet18.onnx` to `out`.

    `films` are the training films, uint8 [N, 1, S, S]. The scale and the gate's limits are fitted
    on the held-out films, `validation`, with the file as it is served.
    """
    labels = labels_of(validation)
    logits = predict_logits(network, load_films(validation, size, "held-out"))
    scale = fit_scale((logits[:, 1] - logits[:, 0]).double().numpy(), labels, prevalence)
    full, served = out / "full-precision.onnx", out / NETWORK_FILE
    export(Classifier(network, gate).eval(), scale, size, full)
    quantize(full, films[:: max(1, len(films) // QUANTIZED_ON)], served)
    settle(served, validation, labels, prevalence)


def settle(served: Path, films: Sequence[Film], labels: Floats, prevalence: float) -> None:
    """Give the file `served` the scale, and its gate the limits, fitted on `films`."""
    network = Network(served, threads=1)
    seen = [_looks(network, film, index) for index, film in enumerate(films)]
    differences = _differences(served, [found[0]["probabilities"] for found in seen])
    rescale(served, served, fit_scale(differences, labels, prevalence))
    kinds = np.array([look["gate"] for looks in seen for look in looks], dtype=np.float64)
    set_limits(served, served, limits(np.log(kinds.clip(1e-30, 1.0))).tolist())


@dataclass(frozen=True)
class Calibrated:
    """A scale, and the interval of the probability at the cutoff: see `scale_interval`."""

    scale: Scale
    interval: tuple[float, float] | None


def calibrate(served: Path, films: Sequence[Film], out: Path, prevalence: float) -> Calibrated:
    """Write the network in `served` to `out` with the scale fitted on `films`; return the scale.

    The 95 % interval is that of a film that this scale puts at the shipped cutoff, if other
    patients' films had been used.
    """
    network = Network(served, threads=1)
    found = [
        network.answers(network_input(read_image(film.path), network.size))["probabilities"]
        for film in films
    ]
    differences, labels = _differences(served, found), labels_of(films)
    scale = fit_scale(differences, labels, prevalence)
    rescale(served, out, scale)
    patients = [film.patient for film in films]
    return Calibrated(
        scale, scale_interval(scale, differences, labels, patients, float(DEFAULT_CUTOFF))
    )


def _differences(served: Path, found: Sequence[NDArray[np.float32]]) -> Floats:
    """Return the logit differences behind probabilities from the file `served`."""
    before = scale_of(served)
    evidence = np.array([_evidence(probabilities) for probabilities in found])
    differences: Floats = (evidence - before.intercept - before.shift) / before.slope
    return differences


def _looks(network: Network, film: Film, index: int) -> list[dict[str, NDArray[np.float32]]]:
    """Return answers for the film as it is, and for every third rendering of it."""
    return [network.answers(each) for each in in_some_renderings(film, index, network.size)]


def _evidence(probabilities: NDArray[np.float32]) -> float:
    normal, pneumonia = np.log(probabilities.astype(np.float64).clip(1e-30, 1.0))
    return float(pneumonia - normal)
