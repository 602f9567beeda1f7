"""Commands on network files: `calibrate` and `faithfulness`."""

import argparse
import dataclasses
from pathlib import Path

from cxr_alert.options import (
    Commands,
    add_command,
    add_cutoff,
    add_data,
    add_json,
    add_model,
    add_only,
    add_out,
    print_json,
    share,
)
from serving.shipped import SHIPPED_NETWORK


def add_to(commands: Commands) -> None:
    for add in (_add_calibrate, _add_faithfulness):
        add(commands)


def _add_calibrate(commands: Commands) -> None:
    command = add_command(
        commands, "calibrate", "give a network a scale by labelled films of one's own", _calibrate
    )
    add_json(command)
    add_data(command)
    add_only(command)
    add_model(command, "default: the shipped network")
    command.add_argument("--out", type=Path, required=True, help="the network file to write")
    _add_prevalence(command)


def _calibrate(options: argparse.Namespace) -> None:
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
    for name, scale in scales.items():
        print(f"{name}: " + ", ".join(f"{key} {value:.3f}" for key, value in scale.items()))


def _add_faithfulness(commands: Commands) -> None:
    command = add_command(
        commands, "faithfulness", "whether the map shows what the network goes by", _faithfulness
    )
    add_data(command)
    add_only(command)
    add_model(command, "default: the shipped network")
    add_out(command)
    add_cutoff(command)
    command.add_argument("--most", type=int, default=200, help="films looked at (%(default)s)")


def _faithfulness(options: argparse.Namespace) -> None:
    from training.evaluation.faithfulness import faithfulness

    model = options.model or SHIPPED_NETWORK
    print_json(
        faithfulness(options.data, model, options.out, options.cutoff, options.most, options.only)
    )


def _add_prevalence(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--prevalence",
        type=share,
        help="the share of films with pneumonia that probabilities are for (default: 0.19, of "
        "children X-rayed for suspected pneumonia; for calibrate: the network's)",
    )
