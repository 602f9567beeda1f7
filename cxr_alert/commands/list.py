"""`list`: list the latest films of one finding."""

import argparse

from cxr_alert.options import Commands, add_stack_command, whole_number
from cxr_alert.output import print_json, say

_KINDS = {"positives": "PNEUMONIA", "rejects": "REJECTED", "negatives": "NORMAL"}


def add_to(commands: Commands) -> None:
    command = add_stack_command(
        commands, "list", "list the latest positives, rejects or negatives", _run
    )
    command.add_argument(
        "kind",
        nargs="?",
        choices=tuple(_KINDS),
        default="positives",
        help="finding of the films (default: %(default)s)",
    )
    add_count(command)


def add_count(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--count",
        type=whole_number,
        default=20,
        metavar="N",
        help="number of films (default: %(default)s)",
    )


def _run(options: argparse.Namespace) -> None:
    show(options, options.kind)


def show(options: argparse.Namespace, kind: str) -> None:
    from cxr_alert.operate.application import open_application
    from screening.judgement import Finding
    from screening.messages import percent
    from screening.record import attributes

    with open_application(options.stack) as found:
        records = found.screenings.latest(Finding(_KINDS[kind]), options.count)
    if options.json:
        print_json([attributes(record) for record in records])
        return
    for record in records:
        judgement = record.judgement
        if judgement.finding is Finding.REJECTED:
            say(f"{judgement.classified}  {judgement.code}  {record.key}")
            say(f"    {judgement.reason}")
        else:
            share = percent(judgement.probability)
            say(f"{judgement.classified}  {share:>14}  {record.alert:<10}  {record.key}")
    if not records:
        say(f"There are no {kind}.")
