"""The trained network, run by OpenVINO on the CPU."""

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import LifoQueue

import numpy as np
import openvino
from numpy.typing import NDArray

from imaging.grey import Grey
from imaging.network_input import network_input
from imaging.readers import ENDPOINT_FORMATS, read_grey
from serving.gate import KINDS, reject_out_of_distribution

UNGATED = "-without-gate"
_UNFIT_FOR_A_HEADER = re.compile(r"[^\x21-\x7e]|[,;]")


class BadNetwork(Exception):
    """The file can't be served; the message says why and what is needed."""


@dataclass(frozen=True)
class Screened:
    """The probabilities (normal, pneumonia), and each cell's part in the map, if there is one."""

    probabilities: tuple[float, float]
    cells: list[float]


class Network:
    """A network file, ready to classify films from `threads` threads at once.

    The file is ONNX: input `image`, float32 [N, 1, S, S] of grey levels 0..255; output
    `probabilities`, float32 [N, 2] (normal, pneumonia). It may have two more outputs: `gate`,
    float32 [N, K], a probability for each of gate.KINDS; and `map`, float32 [N, C], how much each
    cell of a square grid speaks for pneumonia.

    `name` identifies the network: its metadata property `model_name`, or else the file's name with
    the start of its SHA-256. Without a gate, UNGATED is added, so that every record shows
    it. `size` is S. `least_decoded_side` is the smallest side, in pixels, of a decoded film.
    `prevalence` is the prevalence that the probabilities are calibrated for, if known.
    """

    def __init__(self, path: Path, threads: int) -> None:
        """Load and test the network in `path`; raise BadNetwork if it is not a suitable network."""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise BadNetwork(f"The network {path} can't be read: {error.strerror}.") from error
        core = openvino.Core()
        try:
            model = core.read_model(content)
        except RuntimeError as error:
            raise BadNetwork(
                f"{path} is not an ONNX network, or is damaged. Copy it again, "
                "or export it again with `cxr-alert train`."
            ) from error
        self.size = _checked_input_size(model, path)
        # From fewer pixels, a probability was 0.024 off a full decode's; from these, 0.001.
        self.least_decoded_side = 7 * self.size // 2
        self.prevalence = _prevalence(model)
        self._outputs = [port.any_name for port in model.outputs]
        self.name = _name(model, path, content) + ("" if self.has_gate else UNGATED)
        model.reshape([1, 1, self.size, self.size])
        # A copy of the network for each thread. OpenVINO's alternative is several streams of one
        # copy, each pinned to a core; that is slower here, since decoding runs on any core and gets
        # in their way.
        self._idle: LifoQueue[openvino.InferRequest] = LifoQueue()
        for _ in range(threads):
            self._idle.put(_compile(core, model, cores=1))
        # For a film that arrives alone: it gets all cores, if there are several.
        self._of_all_cores = _compile(core, model, cores=threads) if threads > 1 else None
        self._films = 0
        self._counting = threading.Lock()
        blank = self.probabilities(np.zeros((self.size, self.size), dtype=np.uint8))
        if not np.isclose(blank.sum(), 1, atol=1e-3) or blank.min() < 0:
            raise BadNetwork(
                f"The network {path} gives {blank.tolist()} for a blank film, which are no "
                "probabilities: its output must go through a softmax."
            )

    @property
    def has_gate(self) -> bool:
        """Return whether it has a gate; without one, any image gets a probability."""
        return "gate" in self._outputs

    def classify(self, film: bytes, *, gated: bool = False) -> tuple[float, float]:
        """Return the probabilities (normal, pneumonia) for the film in a JPEG or PNG file.

        Raises the errors of `screen`. It may be called from any thread: most of the time it does
        not hold the interpreter's lock.
        """
        return self.screen(film, gated).probabilities

    def screen(self, film: bytes, gated: bool) -> Screened:
        """Return the network's answer for the film in a JPEG or PNG file.

        Raises imaging.refusals.NotReadable for a file that is not a film and, if it is `gated`,
        gate.OutOfDistribution for a film that the gate rejects.
        """
        with self._counted():
            grey = network_input(
                read_grey(film, self.least_decoded_side, ENDPOINT_FORMATS), self.size
            )
            # A count of 1 is this film itself. Films that enter from now on count 2 or more, and so
            # leave this copy alone until this film is done.
            whole = self._of_all_cores if self._films == 1 else None
            found = self._infer(whole, grey) if whole is not None else self.answers(grey)
        if gated and self.has_gate:
            reject_out_of_distribution(found["gate"].tolist())
        normal, pneumonia = found["probabilities"].tolist()
        cells = found["map"].tolist() if "map" in found else []
        return Screened((normal, pneumonia), cells)

    def probabilities(self, grey: Grey) -> NDArray[np.float32]:
        """Turn grey levels uint8 [S, S] into float32 [2] (normal, pneumonia), on one core."""
        return self.answers(grey)["probabilities"]

    def answers(self, grey: Grey) -> dict[str, NDArray[np.float32]]:
        """Turn grey levels uint8 [S, S] into each of the network's outputs by name, on one core."""
        request = self._idle.get()
        try:
            return self._infer(request, grey)
        finally:
            self._idle.put(request)

    def _infer(self, request: openvino.InferRequest, grey: Grey) -> dict[str, NDArray[np.float32]]:
        request.infer([grey[None, None].astype(np.float32)])
        return {
            name: request.get_output_tensor(index).data[0].copy()
            for index, name in enumerate(self._outputs)
        }

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._counting:
            self._films += 1
        try:
            yield
        finally:
            with self._counting:
                self._films -= 1


def _compile(core: openvino.Core, model: openvino.Model, cores: int) -> openvino.InferRequest:
    settings = {
        "NUM_STREAMS": "1",
        "INFERENCE_NUM_THREADS": str(cores),
        "ENABLE_CPU_PINNING": "NO",
        # For networks without quantisation: bfloat16, the default on processors that have it, gives
        # other probabilities on other machines.
        "INFERENCE_PRECISION_HINT": "f32",
    }
    return core.compile_model(model, "CPU", settings).create_infer_request()


def _checked_input_size(model: openvino.Model, path: Path) -> int:
    """Check that the input and outputs are as `Network` describes them, and return S."""
    inputs = {name: port for port in model.inputs for name in port.names}
    outputs = {name: port for port in model.outputs for name in port.names}
    known = {"probabilities", "gate", "map"}
    if len(model.inputs) == 1 and "image" in inputs and outputs.keys() <= known:
        image = inputs["image"].partial_shape
        answer = outputs["probabilities"].partial_shape if "probabilities" in outputs else None
        kinds = outputs["gate"].partial_shape if "gate" in outputs else None
        if (
            answer is not None
            and (kinds is None or kinds.compatible(openvino.PartialShape([-1, len(KINDS)])))
            and inputs["image"].element_type == openvino.Type.f32
            and image.compatible(openvino.PartialShape([-1, 1, -1, -1]))
            and answer.compatible(openvino.PartialShape([-1, 2]))
            and image[2].is_static
            and image[2] == image[3]
        ):
            return int(image[2].get_length())
    raise BadNetwork(
        f"{path} is another kind of network: it must have the input `image`, float32 [N, 1, S, S], "
        "and the output `probabilities`, float32 [N, 2]; `gate` and `map` may come with it."
    )


def _name(model: openvino.Model, path: Path, content: bytes) -> str:
    where = ["framework", "model_name"]
    if model.has_rt_info(where):
        name = model.get_rt_info(where).astype(str)
    else:
        name = f"{path.stem}-{hashlib.sha256(content).hexdigest()[:8]}"
    return _UNFIT_FOR_A_HEADER.sub("_", name)[:200]


def _prevalence(model: openvino.Model) -> float | None:
    where = ["framework", "prevalence"]
    return float(model.get_rt_info(where).astype(str)) if model.has_rt_info(where) else None
