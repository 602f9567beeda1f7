"""`make load`: many films at once, then a steady stream as fast as the endpoint takes them.

    python -m tests.faults.load --rate 8 --seconds 60

The endpoint is held to a rate by the proxy, as an endpoint's instances are by their size; the
answers are the network's own. Without that, the emulator would be what is slow.
"""

import argparse
import re
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil
from rich.console import Console

from cxr_alert.local import container
from screening.record import Record
from tests.e2e.application import NEGATIVE, POSITIVE
from tests.faults.broken_cloud import BrokenCloud, running
from tests.faults.ledger import Film
from tests.faults.proxy import Exchange, Reply

AT_ONCE = (50, 200, 400)
UPLOADERS = 16
PATIENCE = 600
BILLED = re.compile(r"Billed Duration: (\d+) ms")
CALLS = ("Query", "GetObject", "InvokeEndpoint", "PutItem", "PublishBatch", "UpdateItem")
HEAD = (
    "| load | films | all done, s | most waiting | queue's age at most, s | median s, first half "
    "| second half | calls a film | invocations a film | billed s a film | function MB "
    "| container MB |"
)


class Limit:
    """An endpoint that takes films one by one at a fixed rate."""

    def __init__(self, films_a_second: float) -> None:
        self._each = 1 / films_a_second
        self._free = 0.0
        self._turn = threading.Lock()

    def __call__(self, exchange: Exchange) -> Reply:
        with self._turn:
            self._free = max(self._free, time.monotonic()) + self._each
            mine = self._free
        time.sleep(max(0.0, mine - time.monotonic()))
        return exchange.forward()


@dataclass(frozen=True)
class Load:
    """Figures of one load; `seconds` are from each film's upload to its record or sent alert.

    `billed` are the milliseconds of each invocation; memory is in MB after the load.
    """

    seconds: list[float]
    elapsed: float
    most_waiting: int
    calls: Counter[str]
    billed: list[int]
    function_memory: float
    container_memory: float

    @property
    def row(self) -> str:
        films = len(self.seconds)
        half = films // 2
        cells = [
            f"{films}",
            f"{self.elapsed:.0f}",
            f"{self.most_waiting}",
            f"{max(self.seconds):.1f}",
            f"{statistics.median(self.seconds[:half]):.1f}",
            f"{statistics.median(self.seconds[half:]):.1f}",
            f"{self.calls.total() / films:.2f}",
            f"{len(self.billed) / films:.2f}",
            f"{sum(self.billed) / 1000 / films:.2f}",
            f"{self.function_memory:.0f}",
            f"{self.container_memory:.0f}",
        ]
        return " | ".join(cells)


def load(cloud: BrokenCloud, prefix: str, films: int, rate: float | None = None) -> Load:
    """Upload films, every other one positive: all at once, or `rate` a second."""
    calls, billed = cloud.proxy.answered.copy(), len(_billed(cloud))
    began = time.monotonic()

    def drop(number: int) -> tuple[Film, float]:
        if rate:
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
        dropped = time.time()
        body = (POSITIVE, NEGATIVE)[number % 2]
        return cloud.ledger.drop(f"{prefix}/{number}.jpeg", body), dropped

    most_waiting = 0
    with ThreadPoolExecutor(UPLOADERS) as pool:
        drops = [pool.submit(drop, number) for number in range(films)]
        while (waiting := cloud.waiting()) or not all(each.done() for each in drops):
            most_waiting = max(most_waiting, waiting)
            if time.monotonic() > began + PATIENCE:
                raise RuntimeError(f"{waiting} films still wait after {PATIENCE} s.")
            time.sleep(0.2)
        dropped = [each.result() for each in drops]
    elapsed = time.monotonic() - began
    records = cloud.ledger.records()
    measured = Load(
        seconds=[_done(records[film]) - at for film, at in dropped],
        elapsed=elapsed,
        most_waiting=most_waiting,
        calls=Counter({name: cloud.proxy.answered[name] - calls[name] for name in CALLS}),
        billed=_billed(cloud)[billed:],
        function_memory=_memory(cloud.workers()),
        container_memory=_memory([psutil.Process(cloud.stack.children[container.NAME].pid)]),
    )
    _delete(cloud, [film for film, _ in dropped])
    return measured


def _done(record: Record) -> float:
    return datetime.fromisoformat(record.alerted or record.judgement.classified).timestamp()


def _billed(cloud: BrokenCloud) -> list[int]:
    """Return the milliseconds of each invocation so far."""
    lines = cloud.logged("ClassifyFunctionName")
    return [int(found[1]) for line in lines if (found := BILLED.search(line))]


def _memory(processes: Sequence[psutil.Process]) -> float:
    return max(process.memory_info().rss for process in processes) / 1e6


def _delete(cloud: BrokenCloud, films: list[Film]) -> None:
    """Delete films, since the emulator keeps them in memory."""
    for key, version in films:
        cloud.stack.s3.delete_object(
            Bucket=cloud.stack.outputs["UploadsBucketName"], Key=key, VersionId=version
        )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.load", description=__doc__)
    parser.add_argument("--rate", type=float, default=8, metavar="N", help="films a second")
    parser.add_argument("--seconds", type=float, default=60, metavar="N", help="of each stream")
    chosen = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    loads: list[tuple[str, int, float | None]] = [
        (f"{films} at once", films, None) for films in AT_ONCE
    ]
    for share in (0.5, 1, 1.5):
        rate = share * chosen.rate
        loads.append((f"{rate:g} a second", int(rate * chosen.seconds), rate))
    parameters = {"MaximumConcurrency": "2", "RetrySeconds": "1"}
    with tempfile.TemporaryDirectory() as state, running(Path(state), parameters) as cloud:
        load(cloud, "first", UPLOADERS)  # starts the function's processes
        console.print(f"An endpoint that takes {chosen.rate:g} films a second:")
        console.print(HEAD)
        console.print(re.sub(r"[^|]+", " --- ", HEAD).strip())
        with cloud.proxy.fault("InvokeEndpoint", Limit(chosen.rate)):
            for name, films, rate in loads:
                console.print(f"| {name} | {load(cloud, name, films, rate).row} |")
        audit = cloud.ledger.audit()
    console.print(
        f"lost {len(audit.lost)}, alerts missing {len(audit.alerts_missing)}, "
        f"repeated {len(audit.alerts_repeated)}, dead letters {len(audit.dead)}"
    )
    return 0 if audit.sound and not audit.dead else 1


if __name__ == "__main__":
    sys.exit(main())
