"""`add-reader`: create a login for the worklist."""

import argparse

from cxr_alert.options import Commands, add_stack_command, some_text
from cxr_alert.output import facts, say


def add_to(commands: Commands) -> None:
    command = add_stack_command(
        commands, "add-reader", "create a login for the worklist", _run, as_json=False
    )
    command.add_argument("name", type=some_text, metavar="NAME", help="the name to log in with")
    command.add_argument(
        "--email",
        type=some_text,
        metavar="ADDRESS",
        help="address that Cognito mails the first password to; without one it is printed",
    )
    command.add_argument(
        "--administrator", action="store_true", help="also allow the performance page"
    )
    command.add_argument(
        "--again",
        action="store_true",
        help="give an existing reader a new first password",
    )


def _run(options: argparse.Namespace) -> None:
    from cxr_alert.operate import readers
    from cxr_alert.operate.application import open_application

    groups = readers.GROUPS if options.administrator else readers.GROUPS[:1]
    with open_application(options.stack, worklist=True) as found:
        if options.again:
            password = readers.invite_again(found, options.name, options.email)
        else:
            password = readers.add(found, options.name, groups, options.email)
        address = found.outputs["WorklistUrl"]
    say(f"{options.name} may log in at {address}/")
    if password is None:
        say(f"Cognito mails the first password to {options.email}.")
    else:
        say("The first password is valid for 7 days and must be changed at the first login:")
        facts([("  password", password)], width=12)
