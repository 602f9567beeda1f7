"""`rescreen`: screen films again with the current network."""

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from cxr_alert.options import Commands, add_stack_command, some_text, whole_number
from cxr_alert.output import console, print_json, say
from screening.errors import Mistake

if TYPE_CHECKING:
    from cxr_alert.operate.rescreen import Rescreened


def add_to(commands: Commands) -> None:
    command = add_stack_command(
        commands, "rescreen", "screen films again with the current network", _run
    )
    command.add_argument(
        "prefix",
        type=some_text,
        metavar="PREFIX",
        help="rescreen films with keys that begin with this",
    )
    command.add_argument(
        "--at-once",
        type=whole_number,
        default=2,
        metavar="N",
        help="films at a time (default: %(default)s)",
    )
    command.add_argument("--alert", action="store_true", help="alert people about new positives")
    command.add_argument(
        "--without-gate",
        action="store_true",
        help="screen the one film with this key even if the gate rejects it",
    )


def _run(options: argparse.Namespace) -> int:
    """Return 1 if a film could not be screened."""
    from rich.progress import Progress

    from cxr_alert.operate.application import open_application
    from cxr_alert.operate.interrupted import done_stays_done
    from cxr_alert.operate.rescreen import Result, films, rescreen

    gated = not options.without_gate
    with open_application(options.stack) as found, done_stays_done():
        chosen = films(found, options.prefix)
        if not chosen:
            raise Mistake(f"There is no film whose key begins with {options.prefix}.")
        if not gated and [key for key, _ in chosen] != [options.prefix]:
            raise Mistake("--without-gate is for one film: give its full key.")
        done = []
        with Progress(console=console(error=True)) as progress:
            task = progress.add_task("Films", total=len(chosen))
            for film in rescreen(found, chosen, options.at_once, alert=options.alert, gated=gated):
                done.append(film)
                progress.advance(task)
    if options.json:
        print_json([asdict(film) for film in done])
    else:
        _show(done, alert=options.alert)
    return 1 if any(film.result is Result.FAILED for film in done) else 0


def _show(done: Sequence["Rescreened"], *, alert: bool) -> None:
    from cxr_alert.operate.rescreen import Result

    for film in done:
        if film.result in (Result.NEWLY_POSITIVE, Result.FAILED):
            say(f"{film.result}: {film.key}")
            if film.why:
                say(f"    {film.why}")
    counts = Counter(film.result for film in done)
    for result, count in counts.items():
        say(f"{count:>8}  {result}")
    if counts[Result.NEWLY_POSITIVE] and not alert:
        say("Nobody was alerted; the same command with --alert alerts people.")
