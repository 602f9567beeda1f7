"""Options that several commands share, so that a name means the same in all of them."""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from screening.config import DEFAULT_CUTOFF

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Run: TypeAlias = Callable[[argparse.Namespace], int | None]

NORMAL_FILM = Path(__file__).parents[1] / "samples" / "NORMAL" / "IM-0117-0001.jpeg"


def add_command(commands: Commands, name: str, purpose: str, run: Run) -> argparse.ArgumentParser:
    sentence = f"{purpose[:1].upper()}{purpose[1:]}."
    command = commands.add_parser(name, help=purpose, description=sentence)
    command.set_defaults(run=run)
    return command


def add_stack_command(
    commands: Commands, name: str, purpose: str, run: Run, *, as_json: bool = True
) -> argparse.ArgumentParser:
    """Add a command that works on a deployed application."""
    command = add_command(commands, name, purpose, run)
    command.add_argument(
        "--stack",
        type=some_text,
        default="cxr-alert",
        metavar="NAME",
        help="the application's stack (default: %(default)s)",
    )
    if as_json:
        add_json(command)
    return command


def add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON, for programs")


def add_model(command: argparse._ActionsContainer, purpose: str) -> None:
    command.add_argument("--model", type=Path, metavar="FILE", help=purpose)


def add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="folder with NORMAL and PNEUMONIA, at any depth",
    )


def add_patients(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--patients",
        type=Path,
        metavar="CSV",
        help="CSV file with columns film and patient, if file names do not show the patient",
    )


def add_only(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--only", type=Path, metavar="FILE", help="list of films, like a run's validation.txt"
    )


def add_cutoff(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--cutoff",
        type=share,
        default=float(DEFAULT_CUTOFF),
        metavar="SHARE",
        help="probability from which a film is positive (default: %(default)s)",
    )


def add_out(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--out", type=folder, required=True, metavar="FOLDER", help="folder for the result"
    )


def folder(text: str) -> Path:
    path = Path(text)
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a file; name a folder")
    there = next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        # Checked before the work, not after it.
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
        raise argparse.ArgumentTypeError(f"{text}: must be a number between 0 and 1")
    return value


def whole_number(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text}: must be an integer of at least 1")
    return int(text)


def some_text(text: str) -> str:
    """Return the text; AWS's own error for an empty one would be unclear."""
    if not text.strip():
        raise argparse.ArgumentTypeError("must not be empty")
    return text
