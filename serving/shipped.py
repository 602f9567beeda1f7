"""The path of the network that comes with this repository."""

from pathlib import Path

NETWORK_FILE = "cxr-resnet18.onnx"  # also the name of the networks that `train` writes
SHIPPED_NETWORK = Path(__file__).resolve().parents[1] / "model" / NETWORK_FILE
