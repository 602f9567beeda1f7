"""The rows as a table: on the terminal, and in docs/performance.md."""

import os
import platform
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from rich.table import Table

from benchmarks.rows import Row

BEGIN, END = "<!-- table of `python -m benchmarks --report` -->", "<!-- end of the table -->"
HEADINGS = ("what", "unit", "ours", "other", "ratio", "noise", "wanted")
CIRCUMSTANCES = "Machine"


def circumstances(load: float) -> list[Row]:
    """Return what the figures depend on besides the code: processor, memory and load."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return [
        Row(CIRCUMSTANCES, f"cores, {processor()}", "", cores),
        Row(CIRCUMSTANCES, "memory", "GiB", memory),
        Row(CIRCUMSTANCES, "load before the run (noise from outside)", "cores", load),
    ]


def processor() -> str:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor()
    lines = (line.partition(":") for line in info.read_text().splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == "model name"), "")


def table(rows: Sequence[Row]) -> Table:
    """Return all rows in one table, with a heading for each section."""
    shown = Table(*HEADINGS)
    for section, group in groupby(rows, lambda row: row.section):
        shown.add_section()
        shown.add_row(section, style="bold")
        for row in group:
            shown.add_row(*_cells(row), style="red" if row.met is False else None)
    return shown


def markdown(rows: Sequence[Row]) -> str:
    lines = []
    for section, group in groupby(rows, lambda row: row.section):
        lines += ["", f"### {section}", "", _line(HEADINGS), _line(["---"] * len(HEADINGS))]
        lines += [_line(_cells(row)) for row in group]
    return "\n".join([*lines, ""])


def replaced(document: str, rows: Sequence[Row]) -> str:
    """Return the document with a new table between its two marks."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"The document must hold the lines {BEGIN} and {END}.")
    return f"{before}{BEGIN}\n{markdown(rows)}\n{END}{after}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(row: Row) -> list[str]:
    other = row.other_name if row.other is None else f"{number(row.other)} ({row.other_name})"
    return [
        row.name,
        row.unit,
        number(row.ours),
        other,
        number(row.ratio),
        "" if row.noise is None else f"± {row.noise:.0%}",
        _wanted(row),
    ]


def _wanted(row: Row) -> str:
    if row.at_most is None and row.at_least is None:
        return ""
    limit = f"≤ {row.at_most:.3g}" if row.at_most is not None else f"≥ {row.at_least:.3g}"
    return f"{limit}: {({True: 'met', False: 'not met', None: 'not measured'})[row.met]}"


def number(value: float | None) -> str:
    """Return three significant digits, or all those before the point."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
