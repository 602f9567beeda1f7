"""Where the network lies that comes with this repository."""

from pathlib import Path

NETWORK_FILE = "cxr-resnet18.onnx"  # what `train` calls the networks that it leaves, too
SHIPPED_NETWORK = Path(__file__).resolve().parents[1] / "model" / NETWORK_FILE
