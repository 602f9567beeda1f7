"""`enlist`: enter all screening records into the worklist."""

import argparse

from cxr_alert.options import Commands, add_stack_command
from cxr_alert.output import print_json, say


def add_to(commands: Commands) -> None:
    add_stack_command(commands, "enlist", "enter all screening records into the worklist", _run)


def _run(options: argparse.Namespace) -> None:
    from cxr_alert.operate import worklist
    from cxr_alert.operate.application import open_application

    with open_application(options.stack, worklist=True) as found:
        films = sum(1 for _ in worklist.enlist_all(found))
    if options.json:
        print_json({"films": films})
        return
    say(f"{films} screening records are in the worklist.")
