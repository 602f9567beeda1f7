"""`prepare`: check and split a folder of films, and chart its contents."""

import argparse
from pathlib import Path

from cxr_alert.options import Commands, add_command, add_out, add_patients


def add_to(commands: Commands) -> None:
    command = add_command(
        commands, "prepare", "check and split a folder of films, and chart its contents", _run
    )
    command.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="folder with NORMAL and PNEUMONIA, at any depth, also below train, val and test",
    )
    add_out(command)
    command.add_argument(
        "--split",
        choices=("patients", "report"),
        default="patients",
        help="hold out blocks of patients (default), or 46 films as in the 2020 report",
    )
    command.add_argument(
        "--keep-out",
        type=Path,
        metavar="FOLDER",
        help="never train on the patients of these films, e.g. samples/",
    )
    add_patients(command)


def _run(options: argparse.Namespace) -> None:
    from training.dataset.prepare import prepare

    prepare(options.data, options.out, options.split, options.keep_out, options.patients)
