"""Engines that turn an image file's bytes into a probability: ours, and common alternatives.

The alternatives are written as their users write them, with Pillow (or MXNet's decoder) and a full
decode. Each imports only its own library, since MXNet is installed in a separate environment.
"""

import io
from collections.abc import Callable
from pathlib import Path

Classify = Callable[[bytes], float]


def ours(network: Path, threads: int) -> Classify:
    """The serving code with a network file; each call uses one of `threads` cores."""
    from serving.network import Network

    served = Network(network, threads)
    return lambda film: served.classify(film)[1]


def onnx_runtime(network: Path, threads: int) -> Classify:
    """ONNX Runtime and Pillow; each call uses `threads` cores."""
    import numpy as np
    import onnxruntime
    from PIL import Image

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    side = session.get_inputs()[0].shape[-1]

    def classify(film: bytes) -> float:
        image = Image.open(io.BytesIO(film)).convert("L")
        pixels = np.asarray(image.resize((side, side), Image.Resampling.BILINEAR), np.float32)
        (probabilities,) = session.run(["probabilities"], {"image": pixels[None, None]})
        return float(probabilities[0, 1])

    return classify


def pytorch(side: int, threads: int) -> Classify:
    """PyTorch in its simplest form: eager, full precision, Pillow; `threads` cores per call."""
    import numpy as np
    import torch
    from PIL import Image

    from benchmarks.networks import twin

    torch.set_num_threads(threads)
    network = twin()

    def classify(film: bytes) -> float:
        image = Image.open(io.BytesIO(film)).convert("L")
        pixels = np.asarray(image.resize((side, side), Image.Resampling.BILINEAR), np.float32)
        with torch.inference_mode():
            return float(network(torch.from_numpy(pixels)[None, None])[0][0, 1])

    return classify


def mxnet(side: int) -> Classify:
    """MXNet with the ResNet-18 of its model zoo, compiled by its fastest backend.

    OMP_NUM_THREADS sets the cores of a call.
    """
    import mxnet as mx
    from mxnet.gluon.model_zoo import vision

    network = vision.resnet18_v1(classes=2)
    network.initialize(mx.init.Xavier())
    example = mx.nd.zeros((1, 3, side, side))
    network.optimize_for(example, backend="MKLDNN", static_alloc=True, static_shape=True)
    mean = mx.nd.array([123.68, 116.28, 103.53])
    deviation = mx.nd.array([58.395, 57.12, 57.375])

    def classify(film: bytes) -> float:
        image = mx.image.imresize(mx.image.imdecode(film), side, side)
        pixels = mx.image.color_normalize(image.astype("float32"), mean, deviation)
        logits = network(pixels.transpose((2, 0, 1)).expand_dims(0))
        return float(mx.nd.softmax(logits)[0, 1].asscalar())

    return classify


def load(engine: str, network: str, threads: int) -> Classify:
    """Return an engine by name.

    `network` is an ONNX file, or a side in pixels for random weights.
    """
    if engine == "ours":
        return ours(Path(network), threads)
    if engine == "onnx-runtime":
        return onnx_runtime(Path(network), threads)
    return pytorch(int(network), threads) if engine == "pytorch" else mxnet(int(network))
