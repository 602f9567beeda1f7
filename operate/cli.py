"""The commands: `python -m operate look-up|positives|rejects|waiting|redrive|rescreen`."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import Progress

from operate import application, redrive, rescreen, screenings
from operate.application import Application, OperateError

INTERRUPTED = 130
_LISTED = 20

console = Console(highlight=False, soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    chosen = _parser().parse_args(arguments)
    try:
        status: int = chosen.run(application.find(chosen.stack), chosen)
    except OperateError as error:
        print(error, file=sys.stderr)
        return 1
    except (ClientError, BotoCoreError) as error:
        print(f"AWS did not do it: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; what was done stays done.", file=sys.stderr)
        return INTERRUPTED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m operate", description=__doc__)
    parser.add_argument(
        "--stack", default="cxr-alert", metavar="NAME", help="the stack (default: cxr-alert)"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    look_up = commands.add_parser("look-up", help="show a film's records")
    look_up.add_argument("key", help="the film's object key")
    look_up.set_defaults(run=_look_up)

    for name, finding, purpose in (
        ("positives", "PNEUMONIA", "list the latest positives"),
        ("rejects", "REJECTED", "list the latest rejects, with their reasons"),
    ):
        latest = commands.add_parser(name, help=purpose)
        latest.add_argument("--count", type=int, default=_LISTED, metavar="N")
        latest.set_defaults(run=_latest, finding=finding)

    waiting = commands.add_parser("waiting", help="count what waits in each queue")
    waiting.set_defaults(run=_waiting)

    back = commands.add_parser("redrive", help="drive failed uploads back to be screened")
    back.set_defaults(run=_redrive)

    again = commands.add_parser("rescreen", help="screen films again, with the network of now")
    again.add_argument("prefix", help="the films whose keys begin so")
    again.add_argument("--at-once", type=int, default=2, metavar="N", help="films (default: 2)")
    again.add_argument("--alert", action="store_true", help="alert the newly positive")
    again.set_defaults(run=_rescreen)
    return parser


def _look_up(found: Application, chosen: argparse.Namespace) -> int:
    records = screenings.look_up(found, chosen.key)
    if not records:
        raise OperateError(
            f"There is no record of {chosen.key}; see `waiting` whether it is still to be screened."
        )
    for record in records:
        for name, value in sorted(record.items()):
            console.print(f"{name:<12} {value}", markup=False)
        console.print()
    return 0


def _latest(found: Application, chosen: argparse.Namespace) -> int:
    for record in screenings.latest(found, chosen.finding, chosen.count):
        said = record.get("reason") or f"{100 * record['probability']:.1f} %  {record['alert']}"
        console.print(f"{record['classified']}  {said}  {record['key']}", markup=False)
    return 0


def _waiting(found: Application, _: argparse.Namespace) -> int:
    for name in ("UploadsQueueUrl", *redrive.SOURCES):
        console.print(f"{redrive.waiting(found, name):>8}  {name.removesuffix('Url')}")
    return 0


def _redrive(found: Application, _: argparse.Namespace) -> int:
    for source in redrive.SOURCES:
        moved = 0
        with Progress(console=console) as progress:
            name = source.removesuffix("Url")
            task = progress.add_task(name, total=redrive.waiting(found, source))
            for count in redrive.redrive(found, source):
                moved += count
                progress.advance(task, count)
        console.print(f"{moved} messages of the {name} driven back.")
    return 0


def _rescreen(found: Application, chosen: argparse.Namespace) -> int:
    films = rescreen.films(found, chosen.prefix)
    counts: Counter[rescreen.Outcome] = Counter()
    to_tell = []
    with Progress(console=console) as progress:
        task = progress.add_task("Films", total=len(films))
        for film in rescreen.rescreen(found, films, chosen.at_once, alert=chosen.alert):
            counts[film.outcome] += 1
            if film.outcome in (rescreen.Outcome.NEWLY_POSITIVE, rescreen.Outcome.FAILED):
                to_tell.append(film)
            progress.advance(task)
    for film in to_tell:
        console.print(f"{film.outcome}: {film.key} {film.why}".rstrip(), markup=False)
    for outcome, count in counts.items():
        console.print(f"{count:>8}  {outcome}")
    if counts[rescreen.Outcome.NEWLY_POSITIVE] and not chosen.alert:
        console.print("Nobody was alerted; the same command with --alert does it.")
    return 1 if counts[rescreen.Outcome.FAILED] else 0
