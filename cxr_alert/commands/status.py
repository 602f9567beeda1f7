"""`status`: show the application's health on one screen."""

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from cxr_alert.options import NORMAL_FILM, Commands, add_stack_command
from cxr_alert.output import facts, print_json, say

if TYPE_CHECKING:
    from cxr_alert.operate.failing import Failing
    from cxr_alert.operate.status import EndpointHealth, Status


def add_to(commands: Commands) -> None:
    add_stack_command(commands, "status", "show the application's health and its queues", _run)


def _run(options: argparse.Namespace) -> int:
    """Return 1 if something is wrong."""
    from cxr_alert.operate import queues
    from cxr_alert.operate.application import open_application
    from cxr_alert.operate.status import status, troubles

    with open_application(options.stack, results=True) as found:
        health = status(found, options.stack, NORMAL_FILM)
    wrong = troubles(health)
    if options.json:
        print_json({**asdict(health), "troubles": wrong})
        return 1 if wrong else 0
    facts(
        (
            ("endpoint", _endpoint(health.endpoint)),
            ("network", health.endpoint.model or "unknown: the endpoint does not name it"),
            ("cutoff", health.cutoff),
            ("last screening", health.last_screening or "none yet"),
            ("failing", _failing(health.failing)),
            ("subscriptions", _subscriptions(health)),
            ("alarms", _alarms(health)),
        )
    )
    say()
    queues.show(health.queues)
    if wrong:
        say()
    for sentence in wrong:
        say(sentence)
    return 1 if wrong else 0


def _endpoint(found: "EndpointHealth") -> str:
    state = f"{found.state}; " if found.state else ""
    answer = "does not answer" if found.seconds is None else f"answers in {found.seconds:.2f} s"
    return f"{found.name}: {state}{answer}"


def _failing(found: "Failing | None") -> str:
    if found is None:
        return "no film"
    films = "1 film" if found.films == 1 else f"{found.films} films"
    return f"{films} since {found.since}, tried up to {found.tries} times"


def _subscriptions(found: "Status") -> str:
    return (
        f"people {found.people.confirmed}, programs {found.programs.confirmed}, "
        f"operations {found.operations.confirmed}"
    )


def _alarms(found: "Status") -> str:
    if found.alarms is None:
        return "none: the local emulator raises no alarms"
    return f"{len(found.alarms_on)} of {found.alarms} are on"
