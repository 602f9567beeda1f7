"""What an operator types; docs/runbook.md says when."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import Progress

from operate import application, redrive, rescreen
from operate.application import Application, OperateError
from screening.judgement import Finding, Judgement
from screening.messages import percent, printable
from screening.record import attributes

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
        ("positives", Finding.PNEUMONIA, "list the latest positives"),
        ("rejects", Finding.REJECTED, "list the latest rejects, with their reasons"),
    ):
        latest = commands.add_parser(name, help=purpose)
        latest.add_argument(
            "--count", type=_number, default=_LISTED, metavar="N", help=f"(default: {_LISTED})"
        )
        latest.set_defaults(run=_latest, finding=finding)

    waiting = commands.add_parser("waiting", help="count what waits in each queue")
    waiting.set_defaults(run=_waiting)

    back = commands.add_parser("redrive", help="drive failed uploads back to be screened")
    back.set_defaults(run=_redrive)

    again = commands.add_parser("rescreen", help="screen films again, with the network of now")
    again.add_argument("prefix", help="the films whose keys begin so")
    again.add_argument(
        "--at-once", type=_number, default=2, metavar="N", help="films at a time (default: 2)"
    )
    again.add_argument("--alert", action="store_true", help="alert the newly positive")
    again.set_defaults(run=_rescreen)
    return parser


def _number(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 1 on.")
    return int(text)


def _look_up(found: Application, chosen: argparse.Namespace) -> int:
    records = found.screenings.of_key(chosen.key)
    if not records:
        raise OperateError(
            f"There is no record of {chosen.key}; see `waiting` whether it is still to be screened."
        )
    for record in records:
        for name, value in sorted(attributes(record).items()):
            if name != "earlier":
                console.print(f"{name:<12} {value}", markup=False)
        for judgement in record.earlier:
            console.print(f"{'earlier':<12} {_said(judgement)}", markup=False)
        console.print()
    return 0


def _latest(found: Application, chosen: argparse.Namespace) -> int:
    records = found.screenings.latest(chosen.finding, chosen.count)
    for record in records:
        judgement = record.judgement
        said = judgement.reason or f"{percent(judgement.probability):>14}  {record.alert}"
        key = printable(record.key)
        console.print(f"{judgement.classified}  {said}  {key}", markup=False)
    if not records:
        console.print(f"There is no record with the finding {chosen.finding}.")
    return 0


def _said(judgement: Judgement) -> str:
    """What a record said before it was screened again, in a line."""
    said = judgement.reason or (
        f"probability {judgement.probability} (cutoff {judgement.cutoff}), "
        f"model {judgement.model or 'unknown'}"
    )
    return f"{judgement.classified} {judgement.finding}: {said}"


def _waiting(found: Application, _: argparse.Namespace) -> int:
    for name in ("UploadsQueueUrl", *redrive.SOURCES):
        console.print(f"{redrive.waiting(found, name):>8}  {name.removesuffix('Url')}")
    return 0


def _redrive(found: Application, _: argparse.Namespace) -> int:
    for source in redrive.SOURCES:
        moved = 0
        name = source.removesuffix("Url")
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task(name, total=redrive.waiting(found, source))
            for count in redrive.redrive(found, source):
                moved += count
                progress.advance(task, count)
        console.print(f"{moved} messages of the {name} driven back.")
    return 0


def _rescreen(found: Application, chosen: argparse.Namespace) -> int:
    films = rescreen.films(found, chosen.prefix)
    if not films:
        raise OperateError(f"There is no film whose key begins with {chosen.prefix}.")
    counts: Counter[rescreen.Result] = Counter()
    to_tell = []
    with Progress(console=console) as progress:
        task = progress.add_task("Films", total=len(films))
        for film in rescreen.rescreen(found, films, chosen.at_once, alert=chosen.alert):
            counts[film.result] += 1
            if film.result in (rescreen.Result.NEWLY_POSITIVE, rescreen.Result.FAILED):
                to_tell.append(film)
            progress.advance(task)
    for film in to_tell:
        console.print(f"{film.result}: {printable(film.key)} {film.why}".rstrip(), markup=False)
    for result, count in counts.items():
        console.print(f"{count:>8}  {result}")
    if counts[rescreen.Result.NEWLY_POSITIVE] and not chosen.alert:
        console.print("Nobody was alerted; the same command with --alert does it.")
    return 1 if counts[rescreen.Result.FAILED] else 0
