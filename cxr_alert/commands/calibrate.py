"""`calibrate`: recalibrate a network on your own labelled films."""

import argparse
import dataclasses
from pathlib import Path

from cxr_alert.options import (
    Commands,
    add_command,
    add_data,
    add_json,
    add_model,
    add_only,
    share,
)
from cxr_alert.output import facts, print_json
from serving.shipped import SHIPPED_NETWORK


def add_to(commands: Commands) -> None:
    command = add_command(
        commands, "calibrate", "recalibrate a network on your own labelled films", _run
    )
    add_json(command)
    add_data(command)
    add_only(command)
    add_model(command, "a network, an ONNX file (default: the shipped network)")
    command.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the network file to write"
    )
    command.add_argument(
        "--prevalence",
        type=share,
        metavar="SHARE",
        help="share of films with pneumonia to calibrate for (default: the network's own)",
    )


def _run(options: argparse.Namespace) -> None:
    from training.evaluation.evaluate import chosen_films
    from training.learning.rescale import scale_of
    from training.learning.serve import calibrate

    model = options.model or SHIPPED_NETWORK
    before = scale_of(model)
    films = chosen_films(options.data, options.only)
    after = calibrate(model, films, options.out, options.prevalence or before.prevalence)
    scales = {"before": dataclasses.asdict(before), "now": dataclasses.asdict(after)}
    if options.json:
        print_json(scales)
        return
    facts(
        (
            (name, ", ".join(f"{key} {value:.3f}" for key, value in scale.items()))
            for name, scale in scales.items()
        ),
        width=8,
    )
