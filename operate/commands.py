"""The operator's commands, on the deployed application; docs/runbook.md says when to use which."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from aws.queue import NotSent
from aws.uploads_bucket import Versions
from cxr_alert.errors import Failure, Mistake
from cxr_alert.options import print_json
from operate import application, check, queues, reconcile, redrive, rescreen
from operate import status as health
from operate.application import Application
from reconcile.compare import Tally
from screening.judgement import Finding, Judgement
from screening.messages import percent, printable
from screening.record import attributes

console = Console(highlight=False, soft_wrap=True)
# What is printed may be a program's to read; a bar is for people.
_progress = Console(stderr=True)


@contextmanager
def open_application(
    stack: str, find: Callable[[str], Application] = application.find
) -> Iterator[Application]:
    """The application of a stack; what AWS refuses meanwhile is told in a sentence."""
    try:
        yield find(stack)
    except (ClientError, BotoCoreError, NotSent) as error:
        raise Failure(f"AWS did not do it: {error}") from error


def _dropped(found: Application, key: str) -> str | None:
    """When the last version of a film was uploaded."""
    bucket = Versions(found.s3, found.outputs["UploadsBucketName"])
    uploads = [each for page in bucket.pages(key) for each in page if each.key == key]
    return max((each.uploaded for each in uploads), default=None)


def look_up(stack: str, key: str, *, as_json: bool) -> None:
    with open_application(stack) as found:
        records = found.screenings.of_key(key)
        depth = None if records else found.films_waiting()
        dropped = None if records else _dropped(found, key)
    if depth:
        if not dropped:
            raise Mistake(f"There is no film {printable(key)}, and no record of one.")
        raise Mistake(
            f"The film was dropped at {dropped} and has no record yet: {depth.ready} films wait, "
            f"{depth.being_tried} are being tried. If it stays so, `cxr-alert reconcile` has it "
            "screened."
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
    with open_application(stack) as found:
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
    with open_application(stack) as found:
        depths = queues.waiting(found)
    if as_json:
        print_json([asdict(each) for each in depths])
        return
    _show_queues(depths)


def _show_queues(depths: list[queues.QueueDepth]) -> None:
    console.print(f"{'ready':>8} {'being tried':>12} {'delayed':>8} {'oldest':>9}")
    for each in depths:
        age = "-" if each.oldest_seconds is None else f"{each.oldest_seconds} s"
        console.print(
            f"{each.ready:>8} {each.being_tried:>12} {each.delayed:>8} {age:>9}  {each.what}"
        )


def status(stack: str, *, as_json: bool) -> int:
    """Show how the application is; returns 1 where something is not as it should be."""
    with open_application(stack) as found:
        now = health.status(found, stack)
    troubles = health.troubles(now)
    if as_json:
        print_json({**asdict(now), "troubles": troubles})
        return 1 if troubles else 0
    console.print(f"endpoint        {now.endpoint}: {now.endpoint_state}")
    console.print(f"cutoff          {now.cutoff}, network {now.model or 'not known yet'}")
    console.print(f"last screening  {now.last_screening or 'none yet'}")
    console.print(
        f"subscriptions   people {now.people.confirmed} ({now.people.unconfirmed} unconfirmed), "
        f"programs {now.programs.confirmed}, operations {now.operations.confirmed} "
        f"({now.operations.unconfirmed} unconfirmed)"
    )
    console.print(f"alarms          {len(now.alarms_on)} of {now.alarms} are on")
    console.print()
    _show_queues(now.queues)
    for trouble in troubles:
        console.print(trouble, markup=False)
    return 1 if troubles else 0


def find_lost(stack: str, prefix: str, since: datetime | None, *, as_json: bool) -> None:
    tally = Tally()
    with (
        open_application(stack) as found,
        _done_stays_done(),
        Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed} versions compared"),
            console=_progress,
            transient=True,
        ) as progress,
    ):
        task = progress.add_task("Films", total=None)
        for so_far in reconcile.reconcile(found, prefix, since):
            tally = so_far
            progress.update(task, completed=tally.seen)
    if as_json:
        print_json(asdict(tally))
        return
    console.print(f"{tally.seen:>8}  versions compared with the records")
    console.print(f"{tally.missing:>8}  without a record")
    console.print(f"{tally.announced:>8}  announced anew")
    if tally.missing > tally.announced:
        console.print("Those that were not announced may still wait: see `cxr-alert waiting`.")


def see_through(stack: str, film: Path, *, as_json: bool) -> None:
    if not film.is_file():
        raise Mistake(f"There is no film {film}; name one with --film FILE.")
    with open_application(stack) as found, _progress.status("") as waits:
        done = check.check(
            found, film, lambda seconds: waits.update(f"Waiting for its record, {seconds:.0f} s")
        )
    if as_json:
        print_json(asdict(done))
        return
    judgement = done.record.judgement
    console.print(
        f"It works: {judgement.finding} after {done.seconds:.1f} s, by {judgement.model}. The film "
        f"was removed, its record {done.key} stays."
    )


def drive_back(stack: str, *, as_json: bool) -> None:
    moved: Counter[str] = Counter()
    with open_application(stack) as found, _done_stays_done():
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


def screen_again(
    stack: str, prefix: str, at_once: int, *, alert: bool, gated: bool, as_json: bool
) -> int:
    """Screen again what lies under `prefix`; returns 1 where a film could not be screened.

    Not `gated`, `prefix` must be the key of one film.
    """
    with open_application(stack) as found, _done_stays_done():
        films = rescreen.films(found, prefix)
        if not films:
            raise Mistake(f"There is no film whose key begins with {prefix}.")
        if not gated and [key for key, _ in films] != [prefix]:
            raise Mistake("--without-gate is for one film: give its whole key.")
        done = []
        with Progress(console=_progress) as progress:
            task = progress.add_task("Films", total=len(films))
            for film in rescreen.rescreen(found, films, at_once, alert=alert, gated=gated):
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
