"""The commands of `python -m benchmarks`: measure, or write the results to the docs."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from benchmarks import report
from benchmarks.inputs import ROOT, WORK
from benchmarks.rows import Row, row_of
from screening.errors import Mistake
from serving.shipped import SHIPPED_NETWORK

if TYPE_CHECKING:
    from benchmarks import costs

OUT = ROOT / "build" / "bench.json"
DOCUMENT = ROOT / "docs" / "performance.md"
WIDTH = 170  # width of the table without a terminal


def run(parts: Sequence[str], rounds: int, *, long: bool) -> None:
    """Measure, print the table and write it to build/bench.json."""
    if not SHIPPED_NETWORK.exists():
        raise Mistake(f"There is no network at {SHIPPED_NETWORK}.")
    console = _console()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # also ends the started programs
    OUT.parent.mkdir(exist_ok=True)
    rows: list[Row] = []
    with console.status("Starting") as status:
        for part in _measure(parts, rounds, long, status.update):
            rows += part
            # After each part, so that an interrupted run keeps its results.
            OUT.write_text(json.dumps([row.as_json() for row in rows], indent=2) + "\n")
    console.print(report.table(rows))
    console.print(f"Results: {OUT.relative_to(ROOT)}")


def write_report() -> None:
    """Write the last run's table to docs/performance.md."""
    if not OUT.exists():
        raise Mistake(f"There is no {OUT} to report; measure first with `make bench`.")
    measured = [row_of(facts) for facts in json.loads(OUT.read_text())]
    DOCUMENT.write_text(report.replaced(DOCUMENT.read_text(), measured))
    _console().print(f"{DOCUMENT.relative_to(ROOT)} has the table of {OUT.relative_to(ROOT)}.")


def _console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)


def _measure(
    parts: Sequence[str], rounds: int, long: bool, say: Callable[[str], None]
) -> Iterator[list[Row]]:
    """Yield the rows of one part after another; each part is imported in its turn."""
    speeds: list[Row] = []
    yield report.circumstances(os.getloadavg()[0])
    if "endpoint" in parts:
        from benchmarks import endpoint

        speeds += (found := endpoint.measure(rounds, say))
        yield found
    if "machine" in parts:
        from benchmarks import machine

        yield machine.measure(rounds, say)
    if "function" in parts or "flow" in parts or long:
        for found in _on_a_stack(parts, rounds, long, say):
            speeds += found
            yield found
    if "training" in parts:
        from benchmarks import training

        yield training.measure(min(rounds, 3), say)
    if "money" in parts:
        from benchmarks import costs

        if speed := _speed(speeds):
            yield costs.rows(speed)


def _speed(measured: Sequence[Row]) -> "costs.Speed | None":
    """Return the speeds that costs depend on; None for parts that were not measured."""
    from benchmarks import costs, endpoint
    from benchmarks.contestants import CORES

    found = {(row.section, row.name): row.ours for row in measured}
    rate = found.get((endpoint.HTTP, endpoint.MANY_CLIENTS))
    film = found.get((endpoint.HTTP, endpoint.ONE_CLIENT))
    if rate is None or film is None:
        return None
    return costs.Speed(rate / CORES, film / 1000)


def _on_a_stack(
    parts: Sequence[str], rounds: int, long: bool, say: Callable[[str], None]
) -> Iterator[list[Row]]:
    from benchmarks import dicom_flow, flow, function
    from cxr_alert.local import stack

    if "function" in parts:
        yield function.measure_start(2 * rounds, say)
    say("Starting the local stack")
    with stack.running(stack.Settings(WORK / "stack")) as running:
        if "flow" in parts:
            yield dicom_flow.measure(running, say)  # before any function has run
        if "function" in parts:
            yield function.measure_warm(running, rounds, say)
        if "flow" in parts:
            yield flow.measure(running, min(rounds, 3), say)
        if long:
            yield flow.measure_long(running, say)
