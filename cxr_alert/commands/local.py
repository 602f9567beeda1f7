"""`demo`, `up`, `down` and `alerts`: the application on this machine."""

import argparse

from cxr_alert.options import Commands, add_command, add_model


def add_to(commands: Commands) -> None:
    for name, purpose, run in (
        ("demo", "drop the sample films, show what happens, stop everything", _demo),
        ("up", "start the application on this machine and leave it running", _up),
    ):
        command = add_command(commands, name, purpose, run)
        add_model(command, "the network to serve, an ONNX file (default: the shipped one)")
    add_command(commands, "down", "stop what `up` started", _down)
    add_command(
        commands, "alerts", "print the alerts of the running application as they arrive", _alerts
    )


def _demo(options: argparse.Namespace) -> int:
    from cxr_alert.local import commands

    return commands.demonstrate(options.model)


def _up(options: argparse.Namespace) -> None:
    from cxr_alert.local import commands

    commands.up(options.model)


def _down(_: argparse.Namespace) -> None:
    from cxr_alert.local import commands

    commands.down()


def _alerts(_: argparse.Namespace) -> None:
    from cxr_alert.local import commands

    commands.alerts()
