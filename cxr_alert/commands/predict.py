"""`predict`: screen image files on this machine."""

import argparse
from pathlib import Path

from cxr_alert.asked import add_asked, asked
from cxr_alert.options import Commands, add_command, add_cutoff, add_json


def add_to(commands: Commands) -> None:
    command = add_command(commands, "predict", "screen image files and print their findings", _run)
    add_json(command)
    command.add_argument(
        "images",
        nargs="+",
        type=Path,
        metavar="IMAGE",
        help="a JPEG, PNG or DICOM file, or a folder",
    )
    add_asked(command)
    add_cutoff(command)
    command.add_argument(
        "--without-gate", action="store_true", help="screen even images that the gate rejects"
    )


def _run(options: argparse.Namespace) -> None:
    from training.evaluation.predict import films_below, predict_images

    predict_images(
        films_below(options.images),
        asked(options),
        options.cutoff,
        gated=not options.without_gate,
        as_json=options.json,
    )
