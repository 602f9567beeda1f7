"""`export`: write the reviewed films as a folder for `prepare`."""

import argparse
from dataclasses import asdict

from cxr_alert.options import Commands, add_out, add_stack_command
from cxr_alert.output import print_json, say


def add_to(commands: Commands) -> None:
    command = add_stack_command(
        commands, "export", "write the reviewed films as a folder for `prepare`", _run
    )
    add_out(command)


def _run(options: argparse.Namespace) -> None:
    from cxr_alert.operate import worklist
    from cxr_alert.operate.application import open_application

    with open_application(options.stack, worklist=True) as found:
        exported = worklist.export(found, options.out)
    if options.json:
        print_json(asdict(exported))
        return
    for key, why in exported.left_out:
        say(f"left out: {key}: {why}")
    say(f"{exported.films} reviewed films are in {options.out}.")
