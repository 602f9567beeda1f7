"""The engines as processes that are measured in turn, while the others rest."""

import contextlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from benchmarks.inputs import ROOT, WORK

CORES = len(os.sched_getaffinity(0))
MXNET = ROOT / ".venv-mxnet" / "bin" / "python"


class EngineFailed(Exception):
    """The engine can't be run here."""


@dataclass(frozen=True)
class Contestant:
    """An engine, for one film at a time and saturated.

    Ours is one process as it serves, with a core for each film. The others use all cores for one
    film, and a process per core when saturated, which is their best.
    """

    alone: "_Worker"
    saturated: "list[_Worker]"

    def latency(self) -> float:
        """Return the median seconds of a film, one film at a time."""
        self.alone.ask("each")
        seconds: list[float] = self.alone.answer()
        return statistics.median(seconds)

    def throughput(self, seconds: float) -> float:
        """Return films a second, over about `seconds` or one pass over the films."""
        for worker in self.saturated:
            worker.ask(f"saturate {seconds}")
        return sum(float(worker.answer()) for worker in self.saturated)


class _Worker:
    def __init__(self, engine: str, network: Path | int, threads: int, callers: int) -> None:
        python = MXNET if engine == "mxnet" else Path(sys.executable)
        if not python.exists():
            raise EngineFailed(f"There is no {python}.")
        limits = dict.fromkeys(("OMP_NUM_THREADS", "MXNET_CPU_WORKER_NTHREADS"), str(threads))
        arguments = [engine, network, threads, callers]
        with (WORK / "engines.log").open("ab") as log:
            self.process = subprocess.Popen(
                [python, "-m", "benchmarks.worker", *map(str, arguments)],
                cwd=ROOT,
                env={**os.environ, **limits},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

        self._to = cast(IO[str], self.process.stdin)
        self._from = cast(IO[str], self.process.stdout)

    def ready(self) -> None:
        if self._from.readline() != "ready\n":
            raise EngineFailed(f"It ended while it started; see {WORK / 'engines.log'}.")

    def ask(self, what: str) -> None:
        self._to.write(f"{what}\n")
        self._to.flush()

    def answer(self) -> Any:  # noqa: ANN401
        line = self._from.readline()
        if not line:
            raise EngineFailed(f"It ended while it was measured; see {WORK / 'engines.log'}.")
        return json.loads(line)

    def stop(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._to.close()
        self.process.wait()


@contextlib.contextmanager
def contestant(engine: str, network: Path | int) -> Iterator[Contestant]:
    """Start an engine by an ONNX file or by the side of its films; raises EngineFailed."""
    WORK.mkdir(parents=True, exist_ok=True)
    workers: list[_Worker] = []
    try:
        if engine == "ours":
            workers.append(_Worker(engine, network, CORES, CORES))
            found = Contestant(workers[0], workers)
        else:
            workers.append(_Worker(engine, network, CORES, 1))
            workers += [_Worker(engine, network, 1, 1) for _ in range(CORES)]
            found = Contestant(workers[0], workers[1:])
        for worker in workers:
            worker.ready()
        yield found
    finally:
        for worker in workers:
            worker.stop()
