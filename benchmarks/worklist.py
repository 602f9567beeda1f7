"""The speed of the worklist with many films: `python -m benchmarks.worklist --films 100000`.

It uses the real application in the emulator, with a list of that length. The emulator keeps its
items in a Python program's memory and compares each item of a partition for every query, where
DynamoDB seeks: the cloud should be faster.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console

from cxr_alert.local import stack
from screening.clock import stamp
from screening.film_name import film_name
from screening.judgement import Answer, judge
from screening.record import AlertState, Record
from testbed.worklist_api import Api, log_in
from tests.e2e.application import POSITIVE, Application, wait_until
from worklist.rules.entry import Entry, State, enter
from worklist.rules.review import Reading
from worklist.tables.worklist_table import item

CUTOFF = Decimal("0.1")
REVIEWED = 0.98  # share of reviewed films among the requested ones; those of the last days are open
BATCH, AT_ONCE, ASKED = 25, 4, 21

console = Console(highlight=False, soft_wrap=True)


def films(count: int) -> Iterator[Entry]:
    """Return entries of a clinic with a film every ten minutes; most positives are reviewed."""
    random = Random(1)  # noqa: S311 - the same list each time
    began = datetime.now(UTC) - timedelta(minutes=10 * count)
    for number in range(count):
        probability = Decimal(f"{random.betavariate(0.3, 6):.6f}")
        at = began + timedelta(minutes=10 * number)
        uploaded = stamp(at)
        judgement = judge(Answer(probability, "net", None), CUTOFF, at)
        key, version = f"ward {number % 7}/film {number:06}.jpeg", f"version-{number}"
        record = Record(key, version, "b", "e", 1, uploaded, judgement, AlertState.NOT_NEEDED)
        entry = enter(record, Decimal("0.01"))
        if entry.state is State.TO_REVIEW and number < count * REVIEWED:
            entry = replace(entry, readings={"lee": Reading.NORMAL}, reviewed=uploaded)
        yield entry


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worklist", description=__doc__)
    parser.add_argument("--films", type=int, default=100_000, metavar="N")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = stack.Settings(Path(folder), worklist={"SampleShare": "0"})
        with stack.running(settings) as running:
            _fill(running, chosen.films)
            api = log_in(running, "lee", "readers")
            _report("first page, to review", lambda: api.call("POST", "api/list", {}))
            _report("first page, all", lambda: api.call("POST", "api/list", {"view": "all"}))
            name = _drop(Application(running), api)
            _report("a film's facts", lambda: api.call("GET", f"api/films/{name}"))
            _report("a film's bytes", lambda: api.call("GET", f"api/films/{name}/image"))
    return 0


def _fill(running: stack.Stack, count: int) -> None:
    table = running.outputs["WorklistTableName"]
    puts: list[Any] = [{"PutRequest": {"Item": item(entry)}} for entry in films(count)]

    def put(first: int) -> None:
        running.dynamodb.batch_write_item(RequestItems={table: puts[first : first + BATCH]})

    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(put, range(0, count, BATCH)))
    console.print(f"{count:,} films in the list, after {time.monotonic() - began:.0f} s")


def _drop(application: Application, api: Api) -> str:
    name = film_name("bench.jpeg", application.drop("bench.jpeg", POSITIVE))
    wait_until(lambda: api.call("GET", f"api/films/{name}").status == 200, "its entry", 120)
    return name


def _report(what: str, ask: Callable[[], object]) -> None:
    ask()
    seconds = []
    for _ in range(ASKED):
        began = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - began)
    middle, slowest = statistics.median(seconds) * 1000, max(seconds) * 1000
    console.print(f"{what:<22} median {middle:6.0f} ms, slowest {slowest:6.0f} ms")


if __name__ == "__main__":
    raise SystemExit(main())
