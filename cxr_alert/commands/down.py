"""`down`: stop what `up` started."""

import argparse

from cxr_alert.interrupts import end_in_order
from cxr_alert.options import Commands, add_command
from cxr_alert.output import say


def add_to(commands: Commands) -> None:
    add_command(commands, "down", "stop what `up` started", _run)


def _run(_: argparse.Namespace) -> None:
    from cxr_alert.local import places, stack

    end_in_order()
    say("Stopped." if stack.stop(places.UP) else "Nothing was running.")
