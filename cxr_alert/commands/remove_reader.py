"""`remove-reader`: end a reader's access to the worklist."""

import argparse

from cxr_alert.options import Commands, add_stack_command, some_text
from cxr_alert.output import say


def add_to(commands: Commands) -> None:
    command = add_stack_command(
        commands,
        "remove-reader",
        "end a reader's access to the worklist",
        _run,
        as_json=False,
    )
    command.add_argument("name", type=some_text, metavar="NAME", help="the reader's login name")


def _run(options: argparse.Namespace) -> None:
    from cxr_alert.operate import readers
    from cxr_alert.operate.application import open_application

    with open_application(options.stack, worklist=True) as found:
        readers.lock_out(found, options.name)
    say(
        f"{options.name} can't log in any more; a page that is open ends within 15 minutes. "
        "The reviews stay."
    )
