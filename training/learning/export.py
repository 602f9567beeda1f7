"""The trained network as one ONNX file that `serving` loads."""

from pathlib import Path

import onnx
import torch

from training.learning.network import Classifier


def export(classifier: Classifier, size: int, path: Path) -> None:
    """Write `classifier` for films float32 [N, 1, size, size] to `path`, named after the file."""
    example = torch.zeros(2, 1, size, size)
    program = torch.onnx.export(
        classifier,
        (example,),
        input_names=["image"],
        output_names=["probabilities"],
        dynamic_shapes=({0: torch.export.Dim("films")},),
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    if program is None:
        raise RuntimeError("PyTorch's exporter gave no ONNX program.")
    model = program.model_proto
    onnx.checker.check_model(model)
    onnx.save(model, path)
