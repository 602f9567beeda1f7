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
from cxr_alert.output import facts, print_json, say
from screening.config import DEFAULT_CUTOFF
from serving.shipped import SHIPPED_NETWORK

_MORE = (
    "Calibrate on more films of either class, and see `cxr-alert evaluate` before you deploy it."
)


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
        help="prevalence to calibrate for (default: the network's own)",
    )


def _run(options: argparse.Namespace) -> None:
    from training.dataset.chosen import chosen_films
    from training.dataset.folder import print_notes
    from training.dataset.learned import warn_of_learned
    from training.learning.rescale import scale_of
    from training.learning.serve import calibrate

    model = options.model or SHIPPED_NETWORK
    before = scale_of(model)
    films = chosen_films(options.data, options.only)
    consequence = (
        "on other films its probabilities are less certain than this calibration suggests."
    )
    print_notes(warn_of_learned(model, films, consequence))
    made = calibrate(model, films, options.out, options.prevalence or before.prevalence)
    scales = {"before": dataclasses.asdict(before), "now": dataclasses.asdict(made.scale)}
    if options.json:
        print_json({**scales, "cutoff": float(DEFAULT_CUTOFF), "cutoff_interval": made.interval})
        return
    facts(
        (
            (name, ", ".join(f"{key} {value:.3f}" for key, value in scale.items()))
            for name, scale in scales.items()
        ),
        width=8,
    )
    if made.interval is None:
        say(f"{len(films)} films are too few to estimate the error of this calibration. {_MORE}")
        return
    low, high = made.interval
    say(
        f"Calibrated on as many other films ({len(films)}), a film that now gets "
        f"{DEFAULT_CUTOFF:.0%} would be given {low:.1%} to {high:.1%} (95 % interval)."
    )
    if high > 2 * low:
        say(f"This is too imprecise for a cutoff. {_MORE}")
