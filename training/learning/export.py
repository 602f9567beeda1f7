"""The trained network as one ONNX file that `serving` loads."""

import json
from pathlib import Path

import onnx
import torch

from serving.gate import KINDS
from training.learning.network import Classifier
from training.learning.rescale import rescale
from training.learning.scale import Scale


def export(classifier: Classifier, scale: Scale, size: int, path: Path) -> None:
    """Write `classifier` for films float32 [N, 1, size, size] to `path`, with its `scale`.

    The metadata name the prevalence of the probabilities, and the gate's kinds.
    """
    example = torch.zeros(2, 1, size, size)
    program = torch.onnx.export(
        classifier,
        (example,),
        input_names=["image"],
        output_names=["probabilities", "map", "gate"],
        dynamic_shapes=({0: torch.export.Dim("films")},),
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    if program is None:
        raise RuntimeError("PyTorch's exporter gave no ONNX program.")
    model = program.model_proto
    for node in model.graph.node:
        del node.metadata_props[:]  # paths of the export on this machine
    onnx.helper.set_model_props(model, scale.properties() | {"kinds": json.dumps(KINDS)})
    onnx.save(model, path)
    rescale(path, path, scale)
