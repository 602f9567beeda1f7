"""ResNet-18 (He et al., 2015, arXiv:1512.03385) for one grey channel, two classes."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.learning.gate import Gate, shrunk

MAP_SIDE = 10  # cells of the map per side
_EDGE = 0.15  # the share of a film's side that counts as edge


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.shortcut = (
            nn.Identity()
            if stride == 1 and channels_in == channels
            else nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )
        )
        nn.init.zeros_(
            self.norm2.weight
        )  # each block starts as its shortcut: steadier first epochs

    def forward(self, x: Tensor) -> Tensor:
        """Turn [N, C_in, H, W] into [N, C, H / stride, W / stride]."""
        residual = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(residual + self.shortcut(x))


class ResNet18(nn.Module):
    """Grey levels in, logits out; standardises each film, since brightness and contrast vary."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, 64, 7, 2, 3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, 1),
        )
        widths = (64, 64, 64, 128, 128, 256, 256, 512, 512)
        self.blocks = nn.Sequential(
            *(
                Block(channels_in, channels, 1 if channels_in == channels else 2)
                for channels_in, channels in pairwise(widths)
            )
        )
        self.head = nn.Linear(512, 2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, films: Tensor) -> Tensor:
        """Turn films [N, 1, S, S] of grey levels 0..255 into logits [N, 2] (normal, pneumonia)."""
        logits: Tensor = self.head(self.features(films).mean(dim=(2, 3)))
        return logits

    def features(self, films: Tensor) -> Tensor:
        """Return the last layer before pooling: [N, 1, S, S] to [N, 512, S / 32, S / 32]."""
        found: Tensor = self.blocks(self.stem(standardise(films)))
        return found


def train_mode(network: ResNet18, frozen: int) -> None:
    """Set training mode, except for the stem and the `frozen` first blocks, which stay fixed."""
    network.train()
    if frozen:
        for part in (network.stem, network.blocks[:frozen]):
            part.eval().requires_grad_(False)


class Classifier(nn.Module):
    """The served network: probabilities, the gate's probabilities, and the saliency map."""

    def __init__(self, network: ResNet18, gate: Gate) -> None:
        super().__init__()
        self.network = network
        self.gate = gate
        # `rescale` finds these constants by their names in the file. Their values are unique, since
        # the exporter merges equal constants and drops a name.
        self.register_buffer("slope", torch.tensor(1.0001))
        self.register_buffer("offset", torch.tensor(0.0001))

    def forward(self, films: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Turn films [N, 1, S, S] of grey levels 0..255 into probabilities, map and gate.

        Probabilities are [N, 2] (normal, pneumonia), those of the gate [N, KINDS]. The map [N,
        MAP_SIDE ** 2], row by row, is the evidence for pneumonia in each cell.
        """
        features = self.network.features(films)
        logits = self.network.head(features.mean(dim=(2, 3)))
        difference = logits[:, 1:] - logits[:, :1]
        evidence = self.slope * difference + self.offset
        probabilities = torch.softmax(torch.cat([-evidence / 2, evidence / 2], dim=1), dim=1)
        weight = (self.network.head.weight[1] - self.network.head.weight[0])[None, :, None, None]
        cells = F.interpolate(
            F.conv2d(features, weight), (MAP_SIDE, MAP_SIDE), mode="bilinear", align_corners=False
        )
        kinds = torch.softmax(self.gate(shrunk(films)), dim=1)
        return probabilities, cells.flatten(1), kinds


def standardise(films: Tensor) -> Tensor:
    """Standardise each film to mean 0 and standard deviation 1 in its centre; blank films to zeros.

    Edges, e.g. a black frame, do not count: they would shift every pixel.
    """
    edge = round(_EDGE * films.shape[-1])
    middle = films[:, :, edge:-edge, edge:-edge]
    mean = middle.mean(dim=(2, 3), keepdim=True)
    deviation = (middle - mean).square().mean(dim=(2, 3), keepdim=True).sqrt()
    return (films - mean) / (deviation + 1.0)
