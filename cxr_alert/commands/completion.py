"""`completion`: print a script that completes commands and options in a shell."""

import argparse

from cxr_alert.options import Commands, add_command


def add_to(commands: Commands) -> None:
    command = add_command(
        commands, "completion", "print a script that completes commands in the shell", _run
    )
    command.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="your shell")


def _run(options: argparse.Namespace) -> None:
    import shtab

    print(shtab.complete(options.program, options.shell))
