"""Eight-bit weights and activations: a quarter of the size, several times the speed on a CPU."""

from itertools import takewhile
from pathlib import Path

import nncf
import numpy as np
import onnx
from torch import Tensor


def quantize(full: Path, films: Tensor, path: Path) -> None:
    """Write the network in `full` to `path` with ranges taken from `films`.

    Both are ONNX files; `films` are uint8 [N, 1, S, S] that the network was not trained on.
    """
    model = onnx.load(full)
    samples = [film[None].numpy().astype(np.float32) for film in films]
    # Eight bits can represent a film's grey levels but not their squares: standardising stays
    # exact.
    standardising = {
        node.name for node in takewhile(lambda node: node.op_type != "Conv", model.graph.node)
    }
    # The gate is small and its limits are fine, so it, the map and the scale are not quantised.
    judging = _leading_to("probabilities", model)
    scaling = judging - _leading_to(_logits(model), model)
    left = [
        node.name
        for node in model.graph.node
        if node.name in standardising | scaling or node.name not in judging
    ]
    model = nncf.quantize(
        model,
        nncf.Dataset(samples, lambda film: {"image": film}),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(samples),
        ignored_scope=nncf.IgnoredScope(names=left),
    )
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _logits(model: onnx.ModelProto) -> str:
    """Return the name of the last layer's output of the disease network."""
    return next(
        str(node.output[0]) for node in model.graph.node if "network.head.weight" in node.input
    )


def _leading_to(output: str, model: onnx.ModelProto) -> set[str]:
    """Return the names of the nodes that `output` depends on."""
    wanted, found = {output}, set[str]()
    for node in reversed(model.graph.node):  # in execution order
        if wanted & set(node.output):
            wanted.update(node.input)
            found.add(node.name)
    return found
