"""`redrive`: redrive dead letters to their source queues."""

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from cxr_alert.options import Commands, add_stack_command
from cxr_alert.output import console, print_json, say

if TYPE_CHECKING:
    from cxr_alert.operate.redrive import Redriven


def add_to(commands: Commands) -> None:
    add_stack_command(commands, "redrive", "redrive dead letters to their source queues", _run)


def _run(options: argparse.Namespace) -> None:
    from rich.progress import Progress

    from cxr_alert.operate import redrive
    from cxr_alert.operate.application import open_application
    from cxr_alert.operate.interrupted import done_stays_done

    found: dict[str, redrive.Redriven] = {}
    with open_application(options.stack, results=True) as application, done_stays_done():
        sources = [
            *redrive.SOURCES,
            *(each for each in redrive.RESULTS if each in application.outputs),
        ]
        for source in sources:
            name = source.removesuffix("Url")
            found[name] = redrive.Redriven()
            with Progress(console=console(error=True), transient=True) as progress:
                task = progress.add_task(name, total=redrive.waiting(application, source))
                for moved in redrive.redrive(application, source):
                    found[name] += moved
                    progress.advance(task, moved.moved + moved.left)
            if not options.json:
                _show(name, found[name])
    if options.json:
        print_json({name: asdict(each) for name, each in found.items()})


def _show(name: str, found: "Redriven") -> None:
    say(f"{name}: {found.moved} messages moved back.")
    if found.left:
        say(
            f"{name}: {found.left} messages stay, since no function can read them. Look at "
            "them in the SQS console, and delete them there."
        )
