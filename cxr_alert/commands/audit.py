"""`audit`: list who viewed or reviewed which film."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cxr_alert.options import Commands, add_stack_command, whole_number
from cxr_alert.output import print_json, say, table
from screening.errors import Mistake

if TYPE_CHECKING:
    from cxr_alert.operate.audit import Look


def add_to(commands: Commands) -> None:
    command = add_stack_command(commands, "audit", "list who viewed or reviewed which film", _run)
    command.add_argument(
        "--days",
        type=whole_number,
        default=7,
        metavar="N",
        help="days to list, without --since (default: %(default)s)",
    )
    command.add_argument(
        "--since", type=_day, metavar="DAY", help="first day, e.g. 2026-11-01, in UTC"
    )
    command.add_argument("--until", type=_day, metavar="DAY", help="last day (default: today)")
    command.add_argument("--reader", metavar="NAME", help="only this reader")
    command.add_argument("--key", metavar="KEY", help="only this film")


def _run(options: argparse.Namespace) -> None:
    from cxr_alert.operate.application import open_application
    from cxr_alert.operate.audit import audit

    until = datetime.now(UTC)
    if options.until:
        until = min(until, options.until + timedelta(days=1))
    since = options.since or until - timedelta(days=options.days)
    if since >= until:
        raise Mistake("--since must be before --until, and neither may be in the future.")
    with open_application(options.stack, worklist=True) as found:
        looks = [
            look
            for look in audit(found, since, until)
            if (not options.reader or look.reader == options.reader)
            and (not options.key or look.key == options.key)
        ]
    if options.json:
        print_json([asdict(look) for look in looks])
        return
    _show(looks)


def _show(looks: Sequence["Look"]) -> None:
    if not looks:
        say("Nobody viewed or reviewed a film.")
        return
    table(
        ("film", "reader", "saw (UTC)", "answered (UTC)"),
        [
            (
                look.key or look.film,
                look.reader,
                _cell(look.saw, "" if look.image or not look.looks else "(no image)"),
                _cell(look.answered, look.reading or ""),
            )
            for look in looks
        ],
    )
    refused = sum(look.refused for look in looks)
    if refused:
        say(f"{refused} requests for films were refused; --json names the readers.")


def _cell(time: str | None, more: str) -> str:
    return "-" if time is None else f"{time[:10]} {time[11:16]} {more}".strip()


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} must be a day, e.g. 2026-11-01") from None
