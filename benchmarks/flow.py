"""From the upload of a film to its alert, on the whole local stack."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from uuid import uuid4

import psutil
from botocore.config import Config

from benchmarks.contestants import CORES
from benchmarks.inputs import SAMPLES
from benchmarks.load import connect, films_a_second, post
from benchmarks.rows import Row, compare, percentile
from cxr_alert.local import container, emulator, environment, processes, watch
from cxr_alert.local.stack import Stack
from screening.config import DEFAULT_CUTOFF

SECTION = "Flow: the local stack"
LONG_SECTION = "Flow: 5,000 uploads"
WAVES = {1: 20, 10: 5, 100: 2}  # uploads at once, and how often
UPLOADERS = 16
SUSTAINED = 360
LONG, WAVE = 5000, 100
PATIENCE = 120


class Flow:
    """Uploads films to a stack and observes the alerts."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._bucket = stack.outputs["UploadsBucketName"]
        config = environment.client_config().merge(Config(max_pool_connections=UPLOADERS))
        self._s3 = environment.session().client(
            "s3", endpoint_url=stack.endpoint_url, config=config
        )
        self._pool = ThreadPoolExecutor(UPLOADERS)
        self._alert_times: dict[str, float] = {}
        self._films = [film.read_bytes() for film in SAMPLES]
        with connect(stack.container_port) as connection:
            self._positive = [
                film
                for film in self._films
                if json.loads(post(connection, film))[1] >= DEFAULT_CUTOFF
            ]

    def drop(self, films: Sequence[bytes]) -> tuple[float, dict[str, str]]:
        """Upload films under new keys; return the start time, and the versions by key."""
        keys = [f"{uuid4().hex}.jpeg" for _ in films]

        def put(key: str, film: bytes) -> str:
            return self._s3.put_object(Bucket=self._bucket, Key=key, Body=film)["VersionId"]

        began = time.monotonic()
        versions = list(self._pool.map(put, keys, films))
        return began, dict(zip(keys, versions, strict=True))

    def alert_seconds(self, at_once: int) -> list[float]:
        """Upload positives at once; return the seconds until each one's alert."""
        began, keys = self.drop(list(islice(cycle(self._positive), at_once)))
        _wait(lambda: keys.keys() <= self._alert_times.keys(), "alerts")
        return [self._alert_times[key] - began for key in keys]

    def screen(self, count: int) -> tuple[float, dict[str, str]]:
        """Upload films of all kinds at once; return the seconds until the queue is empty."""
        began, keys = self.drop(list(islice(cycle(self._films), count)))
        _wait(self._queue_is_empty, "an empty queue")
        return time.monotonic() - began, keys

    def delete(self, keys: dict[str, str]) -> None:
        """Delete films, since the emulator keeps them in memory."""
        objects = [{"Key": key, "VersionId": version} for key, version in keys.items()]
        self._s3.delete_objects(Bucket=self._bucket, Delete={"Objects": objects})  # type: ignore[typeddict-item]

    def container_rate(self) -> float:
        """Return how many films a second the stack's container answers to 16 clients."""
        return films_a_second(self._stack.container_port, self._films * 10, UPLOADERS)

    def _queue_is_empty(self) -> bool:
        counts = self._stack.sqs.get_queue_attributes(
            QueueUrl=self._stack.outputs["UploadsQueueUrl"], AttributeNames=["All"]
        )["Attributes"]
        visible, hidden = "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"
        return counts[visible] == counts[hidden] == "0"  # type: ignore[index]

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Record the arrival times of alerts for the length of the block."""
        done = threading.Event()
        with watch.subscribed(self._stack, "benchmark", '{"finding": ["PNEUMONIA"]}') as queue:

            def receive() -> None:
                while not done.is_set():
                    for alert in watch.receive(self._stack, queue, wait=1):
                        self._alert_times[json.loads(alert.message)["key"]] = time.monotonic()

            thread = threading.Thread(target=receive)
            thread.start()
            try:
                yield
            finally:
                done.set()
                thread.join()


@dataclass(frozen=True)
class Usage:
    """CPU seconds and megabytes of the stack's programs, by function."""

    cpu: dict[str, float]
    memory: dict[str, float]


def usage(stack: Stack) -> Usage:
    """Return the usage so far of emulator, function, container and uploader."""
    gateway = psutil.Process(stack.children[emulator.NAME].pid)
    programs = {
        "emulator": [gateway],
        "function": gateway.children(recursive=True),
        "container": processes.family(stack.children[container.NAME].pid),
        "uploader": [psutil.Process()],
    }
    cpu = {name: sum(_cpu(each) for each in found) for name, found in programs.items()}
    memory = {
        name: max((each.memory_info().rss / 1e6 for each in found), default=0.0)
        for name, found in programs.items()
    }
    return Usage(cpu, memory)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def measure(stack: Stack, rounds: int, say: Callable[[str], None]) -> list[Row]:
    flow = Flow(stack)
    rows = []
    flow.screen(4 * len(SAMPLES))  # starts the function's processes
    with flow.watching():
        for at_once, waves in WAVES.items():
            say(f"Flow: {at_once} at once")
            seconds = [each for _ in range(waves) for each in flow.alert_seconds(at_once)]
            films = "1 upload" if at_once == 1 else f"{at_once} uploads at once"
            for share in (0.50, 0.95, 0.99):
                name = f"upload to alert, {films}, p{100 * share:.0f} of {len(seconds)}"
                rows.append(Row(SECTION, name, "ms", 1000 * percentile(seconds, share)))
    return rows + _sustained(flow, stack, rounds, say)


def _sustained(flow: Flow, stack: Stack, rounds: int, say: Callable[[str], None]) -> list[Row]:
    whole, alone = [], []
    before = dict.fromkeys(usage(stack).cpu, 0.0)
    spent = dict(before)
    for number in range(rounds):
        say(f"Flow: sustained, round {number + 1} of {rounds}")
        alone.append(flow.container_rate())
        start = usage(stack).cpu
        seconds, keys = flow.screen(SUSTAINED)
        end = usage(stack).cpu
        whole.append(SUSTAINED / seconds)
        spent = {name: spent[name] + end[name] - start[name] for name in spent}
        flow.delete(keys)
    films = rounds * SUSTAINED
    allowed = CORES / (sum(spent.values()) / films)
    memory = usage(stack).memory
    return [
        compare(
            SECTION,
            "sustained, the whole stack",
            "films/s",
            whole,
            alone,
            "the container alone, 16 clients",
        ),
        compare(
            SECTION,
            "sustained, the whole stack",
            "films/s",
            whole,
            [allowed],
            f"what its CPU time per film allows {CORES} cores",
        ),
        *(
            Row(SECTION, f"CPU per film meanwhile: {name}", "ms", 1000 * seconds / films)
            for name, seconds in spent.items()
        ),
        *(
            Row(SECTION, f"memory: {name}", "MB", memory[name])
            for name in ("function", "container")
        ),
    ]


def measure_long(stack: Stack, say: Callable[[str], None]) -> list[Row]:
    """Make 5,000 uploads in waves, to see whether the last ones take more time or memory."""
    flow = Flow(stack)
    per_film, memory, cpu = [], [], []
    for wave in range(LONG // WAVE):
        say(f"Flow: {wave * WAVE:,} of {LONG:,} uploads")
        before = usage(stack).cpu
        seconds, keys = flow.screen(WAVE)
        after = usage(stack)
        per_film.append(1000 * seconds / WAVE)
        cpu.append({name: 1000 * (after.cpu[name] - before[name]) / WAVE for name in before})
        memory.append(after.memory)
        flow.delete(keys)
    early, late = slice(2, 8), slice(-6, None)  # around upload 500, and at the end

    def row(name: str, unit: str, waves: list[float], at_most: float | None = None) -> Row:
        return compare(
            LONG_SECTION, name, unit, waves[late], waves[early], "at upload 500", at_most=at_most
        )

    return [
        row("time per film at upload 5,000", "ms", per_film, at_most=1.1),
        *(
            row(f"CPU per film at upload 5,000: {name}", "ms", [each[name] for each in cpu])
            for name in ("emulator", "function", "container")
        ),
        *(
            row(f"memory at upload 5,000: {name}", "MB", [each[name] for each in memory])
            for name in ("function", "container", "emulator")
        ),
    ]


def _wait(reached: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        if time.monotonic() > deadline:
            raise RuntimeError(f"The stack did not reach {what} within {PATIENCE} s.")
        time.sleep(0.02)
