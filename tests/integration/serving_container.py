"""The real server process on a free port, with a network that has predictable answers."""

import contextlib
import math
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import TensorProto, helper

SAGEMAKER = "cxr_alert.local.sagemaker_runtime"
PATIENCE = 60  # seconds, for what takes one


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True)
class Container:
    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def get(self, path: str) -> Reply:
        return self._ask(path, None)

    def post(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> Reply:
        return self._ask(path, body, headers)

    def url(self, path: str = "") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def megabytes(self, what: str) -> int:
        """Return memory of the process: VmRSS now, VmHWM at its peak (proc(5))."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split(f"{what}:")[1].split()[0]) // 1024

    def _ask(self, path: str, body: bytes | None, headers: dict[str, str] | None = None) -> Reply:
        request = urllib.request.Request(self.url(path), body, headers or {})  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
                return Reply(answer.status, answer.read(), lower(answer.headers.items()))
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.read(), lower(error.headers.items()))


def lower(headers: list[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}


@contextlib.contextmanager
def running(folder: Path, *arguments: str | Path, program: str = "serving") -> Iterator[Container]:
    """Run `python -m PROGRAM ARGUMENTS` on a free port, once it listens.

    SAGEMAKER as the program is the same container behind SageMaker's runtime.
    """
    log = folder / "log.txt"
    command = [sys.executable, "-m", program, *map(str, arguments), "--port", "0"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        yield Container(process, _port_in(log, process), log)
    finally:
        process.kill()
        process.wait()


def _port_in(log: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        first, newline, _ = log.read_text().partition("\n")
        if newline:
            return int(first.rpartition(":")[2])
        time.sleep(0.02)
    raise AssertionError(f"The container did not start: {log.read_text()}")


def brightness_network(
    path: Path,
    *,
    image: str = "image",
    probabilities: str = "probabilities",
    side: int | str = 64,
    classes: int = 2,
    softmax: bool = True,
    name: str | None = None,
    gate: bool = False,
) -> Path:
    """Write a network that calls bright films pneumonia, and breaks on an all-white one.

    With a `gate`, it calls films above four fifths of white adults', and has a map of 49 cells.
    """
    weight = [(-1.0) ** (column + 1) for column in range(classes)]
    constants = [
        helper.make_tensor("white", TensorProto.FLOAT, [1, 1], [255.0]),
        helper.make_tensor("weight", TensorProto.FLOAT, [1, classes], weight),
        helper.make_tensor("sides", TensorProto.INT64, [2], [2, 3]),
        helper.make_tensor("channel", TensorProto.INT64, [1], [1]),
    ]
    last = "Softmax" if softmax else "Identity"
    nodes = [
        helper.make_node("ReduceMean", [image, "sides"], ["mean"], keepdims=0),
        helper.make_node("Sub", ["white", "mean"], ["dark"]),
        helper.make_node("Mul", ["dark", "mean"], ["above"]),
        helper.make_node("Div", ["above", "dark"], ["bright"]),
        helper.make_node("Div", ["bright", "white"], ["share"]),
        helper.make_node("MatMul", ["share", "weight"], ["logits"]),
        helper.make_node(last, ["logits"], [probabilities]),
    ]
    answers = [helper.make_tensor_value_info(probabilities, TensorProto.FLOAT, ["films", classes])]
    if gate:
        constants += [
            helper.make_tensor("strange", TensorProto.FLOAT, [1, 6], [0, -9, 1, -9, -9, -9]),
            helper.make_tensor("limit", TensorProto.FLOAT, [6], [0.8, 0, 0, 0, 0, 0]),
            helper.make_tensor("cells", TensorProto.FLOAT, [1, 49], [float(i) for i in range(49)]),
        ]
        nodes += [
            helper.make_node("MatMul", ["share", "strange"], ["strangeness"]),
            helper.make_node("Add", ["strangeness", "limit"], ["kinds"]),
            helper.make_node("Softmax", ["kinds"], ["gate"]),
            helper.make_node("MatMul", ["share", "cells"], ["map"]),
        ]
        answers += [
            helper.make_tensor_value_info("gate", TensorProto.FLOAT, ["films", 6]),
            helper.make_tensor_value_info("map", TensorProto.FLOAT, ["films", 49]),
        ]
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info(image, TensorProto.FLOAT, ["films", 1, side, side])],
        answers,
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    if name:
        helper.set_model_props(model, {"model_name": name})
    onnx.save(model, path)
    return path


def brightness(grey_level: float) -> list[float]:
    """Return that network's answer for a film of one grey level."""
    pneumonia = 1 / (1 + math.exp(-2 * grey_level / 255))
    return [1 - pneumonia, pneumonia]
