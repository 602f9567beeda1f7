"""The endpoint, from an image file's bytes to a probability: in process and over HTTP."""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.contestants import Contestant, EngineFailed, contestant
from benchmarks.inputs import SAMPLES, WORK
from benchmarks.load import films_a_second, seconds_each
from benchmarks.networks import twin_files
from benchmarks.rows import Row, compare
from cxr_alert.local import container, processes
from serving.shipped import SHIPPED_NETWORK

SIDE = 160  # the shipped network's input
REPORT_SIDE = 224  # the input of the report's network
CLIENTS = 16
SECONDS = 1.0

SECTION = "Endpoint: bytes to probability"
SAME_SIDE = f"Endpoint: the same, all at {REPORT_SIDE} pixels"
HTTP = "Endpoint over HTTP"
ONE_CLIENT, MANY_CLIENTS = "1 client, latency", f"{CLIENTS} clients, throughput"

OURS = "ours"
MXNET = f"MXNet 1.9.1 at {REPORT_SIDE} px"
PYTORCH = f"PyTorch eager at {SIDE} px"
ORT = f"ONNX Runtime fp32 at {SIDE} px"
ORT_INT8 = f"ONNX Runtime int8 at {SIDE} px"
OPENVINO = f"OpenVINO fp32 at {SIDE} px, our decoder"
OURS_224 = f"ours at {REPORT_SIDE} px"
PYTORCH_224 = f"PyTorch eager at {REPORT_SIDE} px"
ORT_224 = f"ONNX Runtime fp32 at {REPORT_SIDE} px"
# The report's engine and a naive one; both should be much slower.
WANTED = (MXNET, PYTORCH, PYTORCH_224)

OTHERS = (MXNET, PYTORCH_224, PYTORCH, ORT, ORT_INT8, OPENVINO)

Times = dict[str, list[float]]


def measure(rounds: int, say: Callable[[str], None]) -> list[Row]:
    latency: Times = defaultdict(list)
    throughput: Times = defaultdict(list)
    films = [film.read_bytes() for film in SAMPLES]
    with contextlib.ExitStack() as stack:
        say("Starting the engines")
        engines = _start_all(stack)
        port = stack.enter_context(_serving(SHIPPED_NETWORK))
        films_a_second(port, films * 4, CLIENTS)
        for number in range(rounds):
            say(f"Endpoint: round {number + 1} of {rounds}")
            # Every other round backwards, so that no engine always follows the same one.
            for name, engine in list(engines.items())[:: -1 if number % 2 else 1]:
                latency[name].append(engine.latency())
                throughput[name].append(engine.throughput(SECONDS))
                if name == OURS:
                    each = sorted(seconds_each(port, films))
                    latency[HTTP].append(each[len(each) // 2])
                    throughput[HTTP].append(films_a_second(port, films * 12, CLIENTS))
                    throughput["one client"].append(films_a_second(port, films * 3, 1))
    return [
        *_rows(latency, throughput, SECTION, OURS, OTHERS),
        *_rows(latency, throughput, SAME_SIDE, OURS_224, (MXNET, PYTORCH_224, ORT_224)),
        *_http_rows(latency, throughput),
    ]


def _start_all(stack: contextlib.ExitStack) -> dict[str, Contestant]:
    full, int8 = twin_files(SIDE)
    full_224, int8_224 = twin_files(REPORT_SIDE)
    engines: dict[str, Contestant] = {}
    for name, engine, network in (
        (OURS, "ours", SHIPPED_NETWORK),
        (MXNET, "mxnet", REPORT_SIDE),
        (PYTORCH, "pytorch", SIDE),
        (ORT, "onnx-runtime", full),
        (ORT_INT8, "onnx-runtime", int8),
        (OPENVINO, "ours", full),
        (OURS_224, "ours", int8_224),
        (PYTORCH_224, "pytorch", REPORT_SIDE),
        (ORT_224, "onnx-runtime", full_224),
    ):
        try:
            engines[name] = stack.enter_context(contestant(engine, network))
        except EngineFailed:
            if engine != "mxnet":  # the only one that a machine may not have
                raise
    return engines


@contextlib.contextmanager
def _serving(model: Path) -> Iterator[int]:
    """Run the model container as a process; yields its port."""
    (WORK / "tmp").mkdir(parents=True, exist_ok=True)
    (port,) = processes.free_ports(1)
    process = container.start(model, port, WORK, {})
    try:
        container.wait(process, port, WORK)
        yield port
    finally:
        process.terminate()
        process.wait()


def _rows(
    latency: Times, throughput: Times, section: str, ours: str, others: tuple[str, ...]
) -> list[Row]:
    return [
        *(
            compare(
                section,
                "one film, latency",
                "ms",
                _milliseconds(latency[ours]),
                _milliseconds(latency[other]),
                other,
                at_most=1 / 3 if other in WANTED else None,
            )
            for other in others
        ),
        *(
            compare(
                section,
                "saturated, throughput",
                "films/s",
                throughput[ours],
                throughput[other],
                other,
                at_least=5 if other in WANTED else None,
            )
            for other in others
        ),
    ]


def _http_rows(latency: Times, throughput: Times) -> list[Row]:
    in_process = "ours in process"
    return [
        compare(
            HTTP,
            ONE_CLIENT,
            "ms",
            _milliseconds(latency[HTTP]),
            _milliseconds(latency[OURS]),
            in_process,
        ),
        compare(HTTP, "1 client, throughput", "films/s", throughput["one client"]),
        compare(
            HTTP,
            MANY_CLIENTS,
            "films/s",
            throughput[HTTP],
            throughput[OURS],
            in_process,
            at_least=0.85,
        ),
        *(
            compare(
                HTTP,
                MANY_CLIENTS,
                "films/s",
                throughput[HTTP],
                throughput[other],
                f"{other}, in process",
                at_least=5 if other != ORT else None,
            )
            for other in (MXNET, PYTORCH_224, PYTORCH, ORT)
        ),
    ]


def _milliseconds(seconds: list[float]) -> list[float]:
    return [1000 * each for each in seconds]
