"""Networks for measurements: the shipped architecture with random weights, at the same speed."""

from pathlib import Path

import torch
from torch import nn

from benchmarks.inputs import SAMPLES, WORK
from imaging.network_input import network_input
from imaging.readers import read_grey
from training.learning.export import export
from training.learning.gate import Gate
from training.learning.network import Block, Classifier, ResNet18
from training.learning.quantize import quantize
from training.learning.scale import Scale


def twin() -> Classifier:
    """Return a copy of the shipped network's architecture in full precision, always the same."""
    torch.manual_seed(1)
    network = ResNet18()
    for module in network.modules():
        if isinstance(module, Block):
            nn.init.ones_(module.norm2.weight)  # else the second half of each block adds nothing
    return Classifier(network.eval(), Gate()).eval()


def twin_files(side: int) -> tuple[Path, Path]:
    """Return ONNX files of the copy for films of that side, in full precision and in eight bits."""
    WORK.mkdir(parents=True, exist_ok=True)
    full, eight_bits = WORK / f"twin-{side}.onnx", WORK / f"twin-{side}-int8.onnx"
    if not eight_bits.exists():
        export(twin(), Scale(), side, full)
        films = [network_input(read_grey(film.read_bytes()), side) for film in SAMPLES]
        quantize(full, torch.stack([torch.tensor(film)[None] for film in films]), eight_bits)
    return full, eight_bits
