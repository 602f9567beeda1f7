"""Output of commands: lines, tables and JSON, in which foreign text can do no harm.

Object keys, file names, folder names and AWS's answers are foreign text. On a terminal their
control characters could move the cursor or hide lines, and rich would interpret square brackets as
markup.
"""

import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def _shown(value: object) -> str:
    from screening.messages import printable  # imports the records, which `--help` does not need

    return printable(str(value))


def say(line: object = "", *, error: bool = False) -> None:
    """Print one line; control characters in it, including line breaks, are escaped."""
    print(_shown(line), file=sys.stderr if error else sys.stdout, flush=True)


def explain(text: str) -> None:
    """Print sentences, wrapped at the terminal's width."""
    for line in textwrap.wrap(_shown(text), shutil.get_terminal_size().columns):
        print(line, flush=True)


def facts(pairs: Iterable[tuple[str, object]], width: int = 16) -> None:
    """Print names and values, one pair a line."""
    for name, value in pairs:
        say(f"{name:<{width}}{value}")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table, at most as wide as the terminal; cells wrap between words.

    Only the first column, which has the names, may break inside a word.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    lines = [[_shown(cell) for cell in line] for line in (columns, *rows)]
    shown = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for number, cells in enumerate(zip(*lines, strict=True)):
        longest = max(len(word) for cell in cells for word in (cell.split() or [""]))
        shown.add_column(Text(cells[0]), overflow="fold", min_width=longest if number else None)
    for line in lines[1:]:
        shown.add_row(*map(Text, line))
    console().print(shown)


def console(*, error: bool = False) -> "Console":
    """Return rich's console for tables and progress bars, without markup."""
    from rich.console import Console

    return Console(stderr=error, highlight=False, markup=False)


def print_json(value: object) -> None:
    print(json.dumps(value, indent=2, default=_plain))


def _plain(value: object) -> int | float | str:
    """Return a substitute for a value that JSON can't represent, e.g. DynamoDB's Decimal."""
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    return str(value)
