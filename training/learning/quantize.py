"""Eight-bit weights and activations: a quarter of the size, several times the speed on a CPU."""

from itertools import takewhile
from pathlib import Path

import nncf
import numpy as np
import onnx
from torch import Tensor


def quantize(full: Path, films: Tensor, path: Path) -> None:
    """Write the network in `full` to `path` with its ranges taken from `films`.

    Both are ONNX files; `films` are uint8 [N, 1, S, S] that the network was not trained on.
    """
    model = onnx.load(full)
    samples = [film[None].numpy().astype(np.float32) for film in films]
    # Eight bits hold a film's grey levels but not their squares: standardising stays exact.
    standardising = takewhile(lambda node: node.op_type != "Conv", model.graph.node)
    model = nncf.quantize(
        model,
        nncf.Dataset(samples, lambda film: {"image": film}),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(samples),
        ignored_scope=nncf.IgnoredScope(names=[node.name for node in standardising]),
    )
    onnx.checker.check_model(model)
    onnx.save(model, path)
