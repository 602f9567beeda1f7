"""Change the scale, or the gate's limits, of a network file without training."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from screening.errors import Mistake
from serving.gate import KINDS
from training.learning.scale import SCALE, Scale


class NoScale(Mistake):
    """The network file has no scale to change; the message says what to do."""


def scale_of(path: Path) -> Scale:
    """Return the scale of the network in `path`."""
    properties = {each.key: each.value for each in _load(path).metadata_props}
    if not properties.keys() >= set(SCALE):
        raise NoScale(f"{path} has no scale: it was made by an older version. Train it again.")
    return Scale(*(float(properties[name]) for name in SCALE))


def rescale(path: Path, out: Path, scale: Scale) -> None:
    """Write the network in `path` to `out` with another scale."""
    scale_of(path)
    model = _load(path)
    values = {"slope": scale.slope, "offset": scale.intercept + scale.shift}
    for name, value in values.items():
        _put(model, name, np.array(value, dtype=np.float32))
    properties = {each.key: each.value for each in model.metadata_props}
    onnx.helper.set_model_props(model, properties | scale.properties())
    onnx.checker.check_model(model)
    onnx.save(model, out)


def set_limits(path: Path, out: Path, added: Sequence[float]) -> None:
    """Write the network in `path` to `out` with `added` to the gate's logits, one for each kind."""
    model = _load(path)
    bias = next(each for each in model.graph.initializer if each.name == "gate.head.bias")
    values = numpy_helper.to_array(bias) + np.array(added, dtype=np.float32)
    if values.shape != (len(KINDS),):
        raise NoScale(f"{path} has a gate of other kinds: train it again.")
    _put(model, bias.name, values.astype(np.float32))
    onnx.save(model, out)


def _put(model: onnx.ModelProto, name: str, value: np.ndarray) -> None:
    held = next(each for each in model.graph.initializer if each.name == name)
    held.CopyFrom(numpy_helper.from_array(value, name))


def _load(path: Path) -> onnx.ModelProto:
    try:
        return onnx.load(path)
    except Exception as error:  # ONNX raises various errors of its parser
        raise NoScale(f"{path} can't be read as a network: {error}.") from error
