"""What an operator types, from `status` to `rescreen`.

docs/runbook.md says when.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from cxr_alert.options import Commands, Run, add_command, add_json, whole_number

_LISTED = 20
_FILM = Path(__file__).parents[2] / "samples" / "NORMAL" / "IM-0117-0001.jpeg"


def add_to(commands: Commands) -> None:
    look_up = _add(commands, "look-up", "show a film's records", _look_up)
    look_up.add_argument("key", help="the film's object key")

    for name, purpose, run in (
        ("positives", "list the latest positives", _positives),
        ("rejects", "list the latest rejects, with their reasons", _rejects),
    ):
        latest = _add(commands, name, purpose, run)
        latest.add_argument(
            "--count",
            type=whole_number,
            default=_LISTED,
            metavar="N",
            help="(default: %(default)s)",
        )

    _add(commands, "status", "show how the application is", _status)
    _add(commands, "waiting", "count what waits in each queue", _waiting)

    check = _add(commands, "check", "drop a test film and see it through", _check)
    check.add_argument(
        "--film", type=Path, default=_FILM, metavar="FILE", help="(default: a normal sample)"
    )

    lost = _add(commands, "reconcile", "have films without a record screened", _reconcile)
    lost.add_argument("prefix", nargs="?", default="", help="the films whose keys begin so")
    lost.add_argument(
        "--since", type=_time, metavar="TIME", help="uploaded then or later, such as 2026-11-22"
    )

    _add(commands, "redrive", "drive failed uploads back to be screened", _redrive)

    again = _add(commands, "rescreen", "screen films again, with the network of now", _rescreen)
    again.add_argument("prefix", help="the films whose keys begin so")
    again.add_argument(
        "--at-once", type=whole_number, default=2, metavar="N", help="films at a time (default: 2)"
    )
    again.add_argument("--alert", action="store_true", help="alert the newly positive")
    again.add_argument(
        "--without-gate",
        action="store_true",
        help="judge the one film with this key even if the network's gate refuses it",
    )


def _add(commands: Commands, name: str, purpose: str, run: Run) -> argparse.ArgumentParser:
    command = add_command(commands, name, purpose, run)
    command.add_argument(
        "--stack", default="cxr-alert", metavar="NAME", help="the stack (default: %(default)s)"
    )
    add_json(command)
    return command


def _look_up(options: argparse.Namespace) -> None:
    from cxr_alert.operate import commands

    commands.look_up(options.stack, options.key, as_json=options.json)


def _positives(options: argparse.Namespace) -> None:
    from cxr_alert.operate import commands
    from screening.judgement import Finding

    commands.latest(options.stack, Finding.PNEUMONIA, options.count, as_json=options.json)


def _rejects(options: argparse.Namespace) -> None:
    from cxr_alert.operate import commands
    from screening.judgement import Finding

    commands.latest(options.stack, Finding.REJECTED, options.count, as_json=options.json)


def _waiting(options: argparse.Namespace) -> None:
    from cxr_alert.operate import commands

    commands.waiting(options.stack, as_json=options.json)


def _status(options: argparse.Namespace) -> int:
    from cxr_alert.operate import commands

    return commands.status(options.stack, as_json=options.json)


def _check(options: argparse.Namespace) -> None:
    from cxr_alert.operate import commands

    commands.see_through(options.stack, options.film, as_json=options.json)


def _reconcile(options: argparse.Namespace) -> None:
    from cxr_alert.operate import commands

    commands.find_lost(options.stack, options.prefix, options.since, as_json=options.json)


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no time such as 2026-11-22T10:15") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _redrive(options: argparse.Namespace) -> None:
    from cxr_alert.operate import commands

    commands.drive_back(options.stack, as_json=options.json)


def _rescreen(options: argparse.Namespace) -> int:
    from cxr_alert.operate import commands

    return commands.screen_again(
        options.stack,
        options.prefix,
        options.at_once,
        alert=options.alert,
        gated=not options.without_gate,
        as_json=options.json,
    )
