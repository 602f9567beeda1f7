"""The laboratory's command line: `python -m laboratory`.

It makes the shipped network, and measures it.
"""

import argparse
import sys
from pathlib import Path

from laboratory import cross_validation, leave_one_out, pipeline, rejection, yardstick
from laboratory.films import Folders
from laboratory.recipe import SHIPPED_RECIPE, load_recipe
from laboratory.served import replace_gate
from screening.errors import Mistake
from serving.shipped import SHIPPED_NETWORK

CUTOFF = 0.1


def main() -> int:
    options = _parser().parse_args()
    try:
        options.run(options)
    except Mistake as mistake:
        print(mistake, file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m laboratory", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    make = commands.add_parser("make", help="train the shipped network; resumes an interrupted run")
    _add_folders(make)
    make.set_defaults(run=_make)

    replace = commands.add_parser("replace-gate", help="replace the gate of a served file")
    _add_folders(replace)
    replace.add_argument("--model", type=Path, default=SHIPPED_NETWORK, help="(%(default)s)")
    replace.add_argument("--gate", type=Path, required=True, help="gate folder of a run")
    replace.set_defaults(run=_replace_gate)

    left = commands.add_parser("leave-one-out", help="evaluate the gate by leaving one class out")
    _add_folders(left)
    left.set_defaults(run=_leave_one_out)

    choose = commands.add_parser("yardstick", help="compare networks by the selection metric")
    _add_films(choose)
    choose.add_argument("--model", type=Path, nargs="+", required=True, help="network files")
    choose.set_defaults(run=_yardstick)

    cross = commands.add_parser("cross-validate", help="cross-validate the calibration")
    _add_films(cross)
    cross.add_argument("--model", type=Path, default=SHIPPED_NETWORK, help="(%(default)s)")
    cross.set_defaults(run=_cross_validate)

    reject = commands.add_parser("rejection", help="measure what share of images the gate rejects")
    reject.add_argument("folder", type=Path, help="folder with a folder for each kind of image")
    reject.add_argument("--adults", type=Path, help="chest films of adults; uses every fifth")
    reject.add_argument("--model", type=Path, default=SHIPPED_NETWORK, help="(%(default)s)")
    reject.add_argument("--out", type=Path, required=True, help="folder for the figures")
    reject.set_defaults(run=_rejection)
    return parser


def _add_folders(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", type=Path, required=True, help="labelled films")
    command.add_argument("--keep-out", type=Path, help="films whose patients are held out")
    command.add_argument("--adults", type=Path, required=True, help="chest films of adults")
    command.add_argument(
        "--others",
        type=Path,
        required=True,
        help="folder with a folder for each kind of other image",
    )
    command.add_argument("--out", type=Path, required=True, help="folder of the run")
    command.add_argument("--recipe", type=Path, default=SHIPPED_RECIPE, help="(%(default)s)")


def _add_films(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", type=Path, required=True, help="labelled films")
    command.add_argument("--only", type=Path, help="list of the films to use, one path per line")
    command.add_argument("--out", type=Path, required=True, help="folder for the figures")


def _folders(options: argparse.Namespace) -> Folders:
    return Folders(options.data, options.keep_out, options.adults, options.others)


def _make(options: argparse.Namespace) -> None:
    pipeline.make_network(_folders(options), options.recipe, options.out)


def _replace_gate(options: argparse.Namespace) -> None:
    recipe = load_recipe(options.recipe)
    replace_gate(_folders(options), recipe, options.model, options.gate, options.out)


def _leave_one_out(options: argparse.Namespace) -> None:
    recipe = load_recipe(options.recipe)
    leave_one_out.show(leave_one_out.leave_one_out(_folders(options), recipe, options.out))


def _yardstick(options: argparse.Namespace) -> None:
    measured = yardstick.yardstick(options.data, options.only, options.model, options.out)
    yardstick.show(measured)


def _cross_validate(options: argparse.Namespace) -> None:
    measured = cross_validation.cross_validate(
        options.data, options.model, options.out, CUTOFF, options.only
    )
    cross_validation.show(measured, CUTOFF)


def _rejection(options: argparse.Namespace) -> None:
    measured = rejection.rejection(
        options.folder, options.model, options.out, CUTOFF, options.adults
    )
    rejection.show(measured, CUTOFF)


if __name__ == "__main__":
    raise SystemExit(main())
