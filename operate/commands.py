"""The operator's commands, on the deployed application; docs/runbook.md says when to use which."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import Progress

from cxr_alert.errors import Failure, Mistake
from cxr_alert.options import print_json
from operate import application, redrive, rescreen
from operate.application import Application
from screening.judgement import Finding, Judgement
from screening.messages import percent, printable
from screening.record import attributes

console = Console(highlight=False, soft_wrap=True)
# What is printed may be a program's to read; a bar is for people.
_progress = Console(stderr=True)


@contextmanager
def _application(stack: str) -> Iterator[Application]:
    """The application of a stack; what AWS refuses meanwhile is told in a sentence."""
    try:
        yield application.find(stack)
    except (ClientError, BotoCoreError) as error:
        raise Failure(f"AWS did not do it: {error}") from error


def look_up(stack: str, key: str, *, as_json: bool) -> None:
    with _application(stack) as found:
        records = found.screenings.of_key(key)
    if not records:
        raise Mistake(
            f"There is no record of {key}; see `waiting` whether it is still to be screened."
        )
    if as_json:
        print_json([attributes(record) for record in records])
        return
    for record in records:
        for name, value in sorted(attributes(record).items()):
            if name != "earlier":
                console.print(f"{name:<12} {value}", markup=False)
        for judgement in record.earlier:
            console.print(f"{'earlier':<12} {_said(judgement)}", markup=False)
        console.print()


def latest(stack: str, finding: Finding, count: int, *, as_json: bool) -> None:
    with _application(stack) as found:
        records = found.screenings.latest(finding, count)
    if as_json:
        print_json([attributes(record) for record in records])
        return
    for record in records:
        judgement = record.judgement
        said = judgement.reason or f"{percent(judgement.probability):>14}  {record.alert}"
        key = printable(record.key)
        console.print(f"{judgement.classified}  {said}  {key}", markup=False)
    if not records:
        console.print(f"There is no record with the finding {finding}.")


def _said(judgement: Judgement) -> str:
    """What a record said before it was screened again, in a line."""
    said = judgement.reason or (
        f"probability {judgement.probability} (cutoff {judgement.cutoff}), "
        f"model {judgement.model or 'unknown'}"
    )
    return f"{judgement.classified} {judgement.finding}: {said}"


def waiting(stack: str, *, as_json: bool) -> None:
    with _application(stack) as found:
        counts = {
            name.removesuffix("Url"): redrive.waiting(found, name)
            for name in ("UploadsQueueUrl", *redrive.SOURCES)
        }
    if as_json:
        print_json(counts)
        return
    for name, count in counts.items():
        console.print(f"{count:>8}  {name}")


def drive_back(stack: str, *, as_json: bool) -> None:
    moved: Counter[str] = Counter()
    with _application(stack) as found, _done_stays_done():
        for source in redrive.SOURCES:
            name = source.removesuffix("Url")
            moved[name] = 0
            with Progress(console=_progress, transient=True) as progress:
                task = progress.add_task(name, total=redrive.waiting(found, source))
                for count in redrive.redrive(found, source):
                    moved[name] += count
                    progress.advance(task, count)
            if not as_json:
                console.print(f"{moved[name]} messages of the {name} driven back.")
    if as_json:
        print_json(moved)


def screen_again(stack: str, prefix: str, at_once: int, *, alert: bool, as_json: bool) -> int:
    """Screen again what lies under `prefix`; returns 1 where a film could not be screened."""
    with _application(stack) as found, _done_stays_done():
        films = rescreen.films(found, prefix)
        if not films:
            raise Mistake(f"There is no film whose key begins with {prefix}.")
        done = []
        with Progress(console=_progress) as progress:
            task = progress.add_task("Films", total=len(films))
            for film in rescreen.rescreen(found, films, at_once, alert=alert):
                done.append(film)
                progress.advance(task)
    if as_json:
        print_json([asdict(film) for film in done])
    else:
        _tell(done, alert=alert)
    return 1 if any(film.result is rescreen.Result.FAILED for film in done) else 0


def _tell(done: list[rescreen.Rescreened], *, alert: bool) -> None:
    for film in done:
        if film.result in (rescreen.Result.NEWLY_POSITIVE, rescreen.Result.FAILED):
            console.print(f"{film.result}: {printable(film.key)} {film.why}".rstrip(), markup=False)
    counts = Counter(film.result for film in done)
    for result, count in counts.items():
        console.print(f"{count:>8}  {result}")
    if counts[rescreen.Result.NEWLY_POSITIVE] and not alert:
        console.print("Nobody was alerted; the same command with --alert does it.")


@contextmanager
def _done_stays_done() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        print("What was done stays done.", file=sys.stderr)
        raise
