"""What commands print: lines, tables and JSON in which other people's names can do no harm.

Object keys, file names, folder names and what AWS answers are other people's words. On a terminal
their control characters could move the cursor or hide lines, and rich would read square brackets
as markup.
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
    from screening.messages import printable  # it brings the records, which `--help` does without

    return printable(str(value))


def say(line: object = "", *, error: bool = False) -> None:
    """Print one line; control characters in it, line breaks too, are spelt out."""
    print(_shown(line), file=sys.stderr if error else sys.stdout, flush=True)


def explain(text: str) -> None:
    """Print sentences, wrapped between words to the terminal's width."""
    for line in textwrap.wrap(_shown(text), shutil.get_terminal_size().columns):
        print(line, flush=True)


def facts(pairs: Iterable[tuple[str, object]], width: int = 16) -> None:
    """Print names and values, one pair a line."""
    for name, value in pairs:
        say(f"{name:<{width}}{value}")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table, at most as wide as the terminal; cells wrap between words.

    Only words of the first column, where names stand, are broken if there is no room for them.
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
    """Rich's console for tables and progress bars; text in it is taken as it stands."""
    from rich.console import Console

    return Console(stderr=error, highlight=False, markup=False)


def print_json(value: object) -> None:
    print(json.dumps(value, indent=2, default=_plain))


def _plain(value: object) -> int | float | str:
    """Return what stands for a value that JSON does not know, such as DynamoDB's Decimal."""
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    return str(value)
