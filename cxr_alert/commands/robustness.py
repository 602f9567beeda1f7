"""`robustness`: measure a network on renderings of films."""

import argparse

from cxr_alert.options import (
    Commands,
    add_command,
    add_cutoff,
    add_data,
    add_json,
    add_model,
    add_only,
    add_out,
)
from cxr_alert.output import print_json
from serving.shipped import SHIPPED_NETWORK


def add_to(commands: Commands) -> None:
    command = add_command(
        commands, "robustness", "measure a network on films rendered differently", _run
    )
    add_json(command)
    add_data(command)
    add_model(command, "a network, an ONNX file (default: the shipped network)")
    add_only(command)
    add_out(command)
    add_cutoff(command)


def _run(options: argparse.Namespace) -> None:
    from training.evaluation.robustness import robustness, show

    model = options.model or SHIPPED_NETWORK
    measured = robustness(options.data, model, options.out, options.cutoff, options.only)
    if options.json:
        print_json(measured)
    else:
        show(measured, options.cutoff)
