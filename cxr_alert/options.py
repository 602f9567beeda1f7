"""Options that several commands have, so that one name means one thing in all of them."""

import argparse
import json
import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

from screening.config import DEFAULT_CUTOFF

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Run: TypeAlias = Callable[[argparse.Namespace], int | None]


def add_command(commands: Commands, name: str, purpose: str, run: Run) -> argparse.ArgumentParser:
    sentence = f"{purpose[:1].upper()}{purpose[1:]}."
    command = commands.add_parser(name, help=purpose, description=sentence)
    command.set_defaults(run=run)
    return command


def add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON, for programs")


def add_model(command: argparse._ActionsContainer, purpose: str) -> None:
    command.add_argument("--model", type=Path, metavar="FILE", help=purpose)


def add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data", type=Path, required=True, help="folder with NORMAL and PNEUMONIA, at any depth"
    )


def add_patients(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--patients",
        type=Path,
        metavar="CSV",
        help="whose films they are, where their names do not tell: columns film and patient",
    )


def add_only(command: argparse.ArgumentParser) -> None:
    command.add_argument("--only", type=Path, help="list of films, like a run's validation.txt")


def add_cutoff(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--cutoff", type=share, default=float(DEFAULT_CUTOFF), help="default: %(default)s"
    )


def add_out(command: argparse.ArgumentParser) -> None:
    command.add_argument("--out", type=folder, required=True, help="where the result is left")


def folder(text: str) -> Path:
    path = Path(text)
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a file; name a folder")
    there = next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        # Found out before the work, not after it.
        raise argparse.ArgumentTypeError(
            f"{text} can't be written: {there}: {error.strerror}"
        ) from None
    return path


def share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def whole_number(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 1 on")
    return int(text)


def print_json(value: object) -> None:
    print(json.dumps(value, indent=2, default=_plain))


def _plain(value: object) -> int | float | str:
    """DynamoDB's numbers are Decimals, which JSON has no word for."""
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    return str(value)
