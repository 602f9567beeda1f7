"""`reconcile`: find films without a record and send them to be screened."""

import argparse
from dataclasses import asdict
from datetime import UTC, datetime

from cxr_alert.options import Commands, add_stack_command
from cxr_alert.output import console, print_json, say


def add_to(commands: Commands) -> None:
    command = add_stack_command(
        commands, "reconcile", "find films without a record and send them to be screened", _run
    )
    command.add_argument(
        "prefix",
        nargs="?",
        default="",
        metavar="PREFIX",
        help="only films with keys that begin with this",
    )
    command.add_argument(
        "--since", type=_time, metavar="TIME", help="only films uploaded since, e.g. 2026-11-22"
    )


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text}: must be a date or a time, e.g. 2026-11-22 or 2026-11-22T10:15"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _run(options: argparse.Namespace) -> None:
    from cxr_alert.operate.application import open_application
    from cxr_alert.operate.interrupted import done_stays_done
    from cxr_alert.operate.reconcile import reconcile
    from reconcile.compare import Tally

    tally = Tally()
    with (
        open_application(options.stack) as found,
        done_stays_done(),
        console(error=True).status("") as shown,
    ):
        backfilling = found.backfill_waiting().total > 0
        for tally in reconcile(found, options.prefix, options.since):
            shown.update(f"{tally.seen} versions compared")
    if options.json:
        print_json(asdict(tally))
        return
    say(f"{tally.seen:>8}  versions compared with the records")
    say(f"{tally.missing:>8}  without a record")
    say(f"{tally.announced:>8}  sent to be screened")
    if tally.missing > tally.announced:
        say("The others may still wait in the queue: see `cxr-alert status`.")
    if backfilling:
        say("Films of a backfill were left out, since some of them still wait to be screened.")
