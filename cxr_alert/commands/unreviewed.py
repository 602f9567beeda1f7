"""`unreviewed`: count the positives that nobody has reviewed."""

import argparse
from dataclasses import asdict

from cxr_alert.options import Commands, add_stack_command
from cxr_alert.output import print_json, say


def add_to(commands: Commands) -> None:
    add_stack_command(commands, "unreviewed", "count the positives that nobody has reviewed", _run)


def _run(options: argparse.Namespace) -> None:
    from cxr_alert.operate import worklist
    from cxr_alert.operate.application import open_application

    with open_application(options.stack, worklist=True) as found:
        waiting = worklist.waiting(found)
    if options.json:
        print_json(asdict(waiting))
        return
    say(f"{waiting.films:>8}  positives that nobody has reviewed")
    say(f"{waiting.overdue:>8}  of them are overdue")
    if waiting.oldest:
        say(f"The oldest was uploaded at {waiting.oldest}.")
