"""`faithfulness`: measure whether the saliency map shows what the network uses."""

import argparse

from cxr_alert.options import (
    Commands,
    add_command,
    add_cutoff,
    add_data,
    add_model,
    add_only,
    add_out,
    whole_number,
)
from cxr_alert.output import print_json
from serving.shipped import SHIPPED_NETWORK


def add_to(commands: Commands) -> None:
    command = add_command(
        commands, "faithfulness", "measure whether saliency maps show what the network uses", _run
    )
    add_data(command)
    add_only(command)
    add_model(command, "a network, an ONNX file (default: the shipped network)")
    add_out(command)
    add_cutoff(command)
    command.add_argument(
        "--most", type=whole_number, default=200, metavar="N", help="films at most (%(default)s)"
    )


def _run(options: argparse.Namespace) -> None:
    from training.evaluation.faithfulness import faithfulness

    model = options.model or SHIPPED_NETWORK
    print_json(
        faithfulness(options.data, model, options.out, options.cutoff, options.most, options.only)
    )
