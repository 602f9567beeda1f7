"""Compares the network's speed with the limits of this machine: arithmetic and JPEG decoding."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import openvino
import simplejpeg
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from benchmarks.contestants import CORES
from benchmarks.inputs import SAMPLES
from benchmarks.rows import Row, compare
from imaging.network_input import network_input
from imaging.readers import read_grey
from serving.network import Network
from serving.shipped import SHIPPED_NETWORK

SECTION = "Against the limit"
CHANNELS, SIDE, LAYERS = 256, 28, 6


def measure(rounds: int, say: Callable[[str], None]) -> list[Row]:
    films = [film.read_bytes() for film in SAMPLES]
    network = Network(SHIPPED_NETWORK, CORES)
    inputs = [network_input(read_grey(film), network.size) for film in films]
    peak = _Peak()
    work = multiplications(onnx.load(SHIPPED_NETWORK))
    steps: dict[str, Callable[[bytes], object]] = {
        "full": read_grey,
        "full, turbo": lambda film: simplejpeg.decode_jpeg(film, "GRAY"),
        "scaled": lambda film: read_grey(film, network.least_decoded_side),
        "scaled, turbo": lambda film: simplejpeg.decode_jpeg(
            film,
            "GRAY",
            min_height=network.least_decoded_side,
            min_width=network.least_decoded_side,
        ),
    }
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    rates: dict[str, list[float]] = {"ours": [], "peak": [], "infer": [], "resize": []}
    greys = [read_grey(film, network.least_decoded_side) for film in films]
    for number in range(rounds):
        say(f"Limits: round {number + 1} of {rounds}")
        for name, step in steps.items():
            seconds[name].append(_mean(step, films))
        rates["peak"].append(peak.rate())
        rates["ours"].append(work * _rate(network.probabilities, inputs * 8) / 1e9)
        rates["infer"].append(1000 * _mean(network.probabilities, inputs))
        rates["resize"].append(1000 * _mean(lambda grey: network_input(grey, network.size), greys))
    difference = max(
        abs(
            float(network.probabilities(network_input(read_grey(film), network.size))[1])
            - network.classify(film)[1]
        )
        for film in films
    )
    milliseconds = {name: [1000 * each for each in taken] for name, taken in seconds.items()}
    turbo = "libjpeg-turbo's own (simplejpeg)"
    return [
        compare(
            SECTION,
            "int8 multiplications, all cores",
            "billion/s",
            rates["ours"],
            rates["peak"],
            "this machine's peak, in large convolutions",
        ),
        compare(
            SECTION,
            "decode, full size",
            "ms",
            milliseconds["full"],
            milliseconds["full, turbo"],
            turbo,
        ),
        compare(
            SECTION,
            "decode, scaled as served",
            "ms",
            milliseconds["scaled"],
            milliseconds["scaled, turbo"],
            turbo,
        ),
        compare(SECTION, "a film's time: decode, one core", "ms", milliseconds["scaled"]),
        compare(SECTION, "a film's time: resize, one core", "ms", rates["resize"]),
        compare(SECTION, "a film's time: inference, one core", "ms", rates["infer"]),
        Row(
            SECTION,
            f"scaled against full decode, largest difference of {len(films)}",
            "probability",
            difference,
            at_most=0.01,
        ),
    ]


def multiplications(model: onnx.ModelProto) -> int:
    """Return the multiplications in the convolutions for one film, which are nearly all."""
    inferred = onnx.shape_inference.infer_shapes(model)
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in inferred.graph.value_info
    }
    constants = {each.name: list(each.dims) for each in model.graph.initializer}
    made_by = {name: node for node in model.graph.node for name in node.output}

    def weight_shape(name: str) -> list[int]:
        while name not in constants:  # through the dequantisation, to the weights
            name = made_by[name].input[0]
        return constants[name]

    total = 0
    for node in model.graph.node:
        if node.op_type == "Conv":
            _, _, height, width = shapes[node.output[0]]
            total += height * width * int(np.prod(weight_shape(node.input[1])))
    return total


class _Peak:
    """Eight-bit convolutions without any other work, on all cores."""

    def __init__(self) -> None:
        model = openvino.Core().read_model(_large_convolutions().SerializeToString())
        options = {"NUM_STREAMS": str(CORES), "INFERENCE_NUM_THREADS": str(CORES)}
        options["INFERENCE_PRECISION_HINT"] = "f32"
        self._compiled = openvino.Core().compile_model(model, "CPU", options)
        self._requests = [self._compiled.create_infer_request() for _ in range(CORES)]
        self._input = np.random.default_rng(1).random((1, CHANNELS, SIDE, SIDE), np.float32)
        self.rate()

    def rate(self, times: int = 30) -> float:
        """Return billions of multiplications a second."""

        def work(request: openvino.InferRequest) -> None:
            for _ in range(times):
                request.infer([self._input])

        began = time.perf_counter()
        with ThreadPoolExecutor(CORES) as pool:
            for _ in pool.map(work, self._requests):
                pass
        each = LAYERS * CHANNELS * CHANNELS * 9 * SIDE * SIDE
        return CORES * times * each / (time.perf_counter() - began) / 1e9


def _large_convolutions() -> onnx.ModelProto:
    random = np.random.default_rng(1)
    nodes, constants = [], []

    def constant(name: str, value: NDArray[np.generic] | np.generic) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    scale, zero = constant("scale", np.float32(0.02)), constant("zero", np.uint8(0))
    w_scale = constant("w_scale", np.float32(0.001))
    w_zero = constant("w_zero", np.int8(0))
    name = "image"
    for layer in range(LAYERS):
        weights = random.integers(-127, 127, (CHANNELS, CHANNELS, 3, 3), np.int8)
        w = constant(f"w{layer}", weights)
        nodes += [
            helper.make_node("QuantizeLinear", [name, scale, zero], [f"q{layer}"]),
            helper.make_node("DequantizeLinear", [f"q{layer}", scale, zero], [f"d{layer}"]),
            helper.make_node("DequantizeLinear", [w, w_scale, w_zero], [f"dw{layer}"]),
            helper.make_node("Conv", [f"d{layer}", f"dw{layer}"], [f"c{layer}"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", [f"c{layer}"], [f"r{layer}"]),
        ]
        name = f"r{layer}"
    shape = [1, CHANNELS, SIDE, SIDE]
    graph = helper.make_graph(
        nodes,
        "peak",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def _mean(step: Callable[..., object], inputs: list[bytes] | list[NDArray[np.uint8]]) -> float:
    began = time.perf_counter()
    for each in inputs:
        step(each)
    return (time.perf_counter() - began) / len(inputs)


def _rate(step: Callable[..., object], inputs: list[NDArray[np.uint8]]) -> float:
    with ThreadPoolExecutor(CORES) as pool:
        began = time.perf_counter()
        for _ in pool.map(step, inputs):
            pass
        return len(inputs) / (time.perf_counter() - began)
