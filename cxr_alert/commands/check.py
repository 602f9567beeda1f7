"""`check`: upload a test film and wait for its record; it alerts nobody and is not counted."""

import argparse
from dataclasses import asdict
from pathlib import Path

from cxr_alert.interrupts import end_in_order
from cxr_alert.options import NORMAL_FILM, Commands, add_stack_command
from cxr_alert.output import console, print_json, say
from screening.errors import Failure, Mistake


def add_to(commands: Commands) -> None:
    command = add_stack_command(
        commands, "check", "upload a test film and wait for its record; nobody is alerted", _run
    )
    command.add_argument(
        "--film",
        type=Path,
        default=NORMAL_FILM,
        metavar="FILE",
        help="a chest X-ray (default: a sample film)",
    )


def _run(options: argparse.Namespace) -> None:
    from cxr_alert.operate.application import open_application
    from cxr_alert.operate.check import check
    from screening.judgement import Finding

    end_in_order()
    try:
        film = options.film.read_bytes()
    except OSError as error:
        raise Mistake(f"The film {options.film} can't be read: {error.strerror}.") from None
    with open_application(options.stack) as found, console(error=True).status("") as shown:
        done = check(
            found, film, lambda seconds: shown.update(f"Waiting for its record, {seconds:.0f} s")
        )
    judgement = done.record.judgement
    if options.json:
        print_json(asdict(done))
    if judgement.finding is Finding.REJECTED:
        raise Failure(
            f"The film was not screened but rejected ({judgement.code}): {judgement.reason} "
            "Name a chest X-ray with --film."
        )
    if not options.json:
        say(
            f"It works: {judgement.finding} after {done.seconds:.1f} s, by the network "
            f"{judgement.model or 'of the endpoint'}. Nobody was alerted."
        )
        say(f"The film was removed; its record {done.key} stays.")
