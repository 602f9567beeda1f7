"""`cxr-alert prepare`."""

import argparse
import sys
from pathlib import Path

from cxr_alert.options import Commands, add_command, add_out, add_patients
from screening.errors import Mistake


def add_to(commands: Commands) -> None:
    command = add_command(
        commands, "prepare", "check and split a folder of films, and chart what is in it", _run
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
    command.add_argument(
        "--upload", metavar="S3URL", help="upload the result to s3://BUCKET/PREFIX"
    )
    command.add_argument(
        "--dry-run", action="store_true", help="with --upload: list the files, upload nothing"
    )


def _run(options: argparse.Namespace) -> None:
    from training.dataset.prepare import prepare
    from training.sagemaker.cloud import address
    from training.sagemaker.upload import connect, list_objects, upload

    if not options.upload:
        if options.dry_run:
            raise Mistake("--dry-run goes with --upload: nothing is sent without it.")
        prepare(options.data, options.out, options.split, options.keep_out, options.patients)
        return
    # Looked at first: whoever may not write there should not wait for the films to be read.
    place, s3 = address(options.upload, "--upload"), connect()
    there = list_objects(s3, place)
    prepare(options.data, options.out, options.split, options.keep_out, options.patients)
    try:
        upload(s3, options.out, place, there, dry_run=options.dry_run)
    except KeyboardInterrupt:
        print("\nThe same command sends the rest.", file=sys.stderr)
        raise
