"""`alerts`: print the alerts of the local application as they arrive."""

import argparse
import os

from cxr_alert.interrupts import end_in_order
from cxr_alert.options import Commands, add_command
from cxr_alert.output import say
from screening.errors import Failure, Mistake


def add_to(commands: Commands) -> None:
    add_command(
        commands, "alerts", "print the alerts of the local application as they arrive", _run
    )


def _run(_: argparse.Namespace) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    from cxr_alert.local import places, stack, watch

    end_in_order()
    running = stack.attach(places.UP)
    if running is None:
        raise Mistake("The application is not running; start it with `make up`.")
    with watch.subscribed(running, f"alerts-{os.getpid()}", "{}") as queue:
        say("Waiting for alerts; Ctrl-C ends this.")
        try:
            while True:
                for alert in watch.receive(running, queue, wait=1):
                    say(alert.subject)
                    say(alert.message)
                    say()
        except (ClientError, BotoCoreError):
            raise Failure("The application has stopped; start it again with `make up`.") from None
