"""`up`: start the application on this machine and leave it running."""

import argparse

from cxr_alert.interrupts import end_in_order
from cxr_alert.options import Commands, add_command, add_model
from cxr_alert.output import console


def add_to(commands: Commands) -> None:
    command = add_command(
        commands, "up", "start the application on this machine and leave it running", _run
    )
    add_model(command, "the network to serve, an ONNX file (default: the shipped network)")


def _run(options: argparse.Namespace) -> None:
    from cxr_alert.local import manual, places, stack

    end_in_order()
    running = stack.start(
        stack.for_people(places.UP, options.model),
        lambda line: console().print(f"{line} ...", style="dim"),
    )
    print(manual.write(running, places.SAMPLES))
