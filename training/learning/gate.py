"""The gate: an out-of-distribution detector that sees the film itself.

It is a separate network, so it can be combined with any network that judges films.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from serving.gate import KINDS

SIDE = 80  # pixels
_WIDTHS = (32, 32, 64, 128, 160)


class Gate(nn.Module):
    """A small residual network on SIDE x SIDE pixels: grey levels in, logits of KINDS out."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, _WIDTHS[0], 5, 2, 2, bias=False), nn.BatchNorm2d(_WIDTHS[0]), nn.ReLU()
        )
        self.blocks = nn.Sequential(*(_Block(given, wanted) for given, wanted in pairwise(_WIDTHS)))
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(2 * _WIDTHS[-1], len(KINDS))

    def forward(self, small: Tensor) -> Tensor:
        """Turn `shrunk` films [N, 1, SIDE, SIDE] of grey levels 0..255 into logits [N, KINDS]."""
        found = self.blocks(self.stem(small / 127.5 - 1))
        pooled = torch.cat([found.mean(dim=(2, 3)), found.amax(dim=(2, 3))], dim=1)
        logits: Tensor = self.head(self.drop(pooled))
        return logits


class _Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut; halves the side when the width grows."""

    def __init__(self, given: int, wanted: int) -> None:
        super().__init__()
        stride = 1 if given == wanted else 2
        self.conv1 = nn.Conv2d(given, wanted, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(wanted)
        self.conv2 = nn.Conv2d(wanted, wanted, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(wanted)
        self.shortcut = (
            nn.Identity()
            if stride == 1
            else nn.Sequential(
                nn.Conv2d(given, wanted, 1, stride, bias=False), nn.BatchNorm2d(wanted)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        residual = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(residual + self.shortcut(x))


def shrunk(films: Tensor) -> Tensor:
    """Resize films [N, 1, S, S] to the gate's side, whatever size the network takes."""
    if films.shape[-1] == 2 * SIDE:
        return F.avg_pool2d(films, 2)
    return F.interpolate(films, (SIDE, SIDE), mode="bilinear", align_corners=False)
