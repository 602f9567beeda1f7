"""`python -m training gate`, `assemble`, `calibrate`, `compare` and so on: networks as files."""

import argparse
import dataclasses
from pathlib import Path

from training.evaluation.ask import SHIPPED


def add_gate(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", type=Path, required=True, help="folder as for train")
    command.add_argument(
        "--others", type=Path, required=True, help="a folder for each kind of other picture"
    )
    command.add_argument("--adults", type=Path, required=True, help="chest films of adults")
    command.add_argument("--out", type=Path, required=True, help="where gate.pt is left")
    command.add_argument("--recipe", type=Path, required=True, help="the network's")
    command.add_argument("--keep-out", type=Path, help="as for train")
    command.add_argument(
        "--start", type=Path, default=SHIPPED, help="the served file that the runs started from"
    )
    command.set_defaults(run=_gate)


def _gate(options: argparse.Namespace) -> None:
    from training.learning.recipe import load_recipe
    from training.learning.train_gate import train_gate

    train_gate(
        options.data,
        options.others,
        options.adults,
        options.start,
        options.out,
        load_recipe(options.recipe),
        options.keep_out,
    )


def add_assemble(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", type=Path, required=True, help="folder as for train")
    command.add_argument("--runs", type=Path, nargs="+", required=True, help="their --out")
    command.add_argument("--gate", type=Path, help="gate.pt of the command gate")
    command.add_argument("--start", type=Path, help="what the runs began with, to be mixed in")
    command.add_argument("--share", type=float, default=0.0, help="of --start (%(default)s)")
    command.add_argument("--out", type=Path, required=True, help="where the network is left")
    _add_prevalence(command)
    command.set_defaults(run=_assemble)


def _assemble(options: argparse.Namespace) -> None:
    from training.learning.assemble import assemble
    from training.learning.scale import PREVALENCE

    prevalence = options.prevalence or PREVALENCE
    assemble(
        options.data,
        options.runs,
        options.gate,
        options.out,
        prevalence,
        options.start,
        options.share,
    )


def add_calibrate(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", type=Path, required=True, help="labelled films of this site")
    command.add_argument("--only", type=Path, help="list of films, like a run's validation.txt")
    command.add_argument("--model", type=Path, default=SHIPPED, help="default: the shipped network")
    command.add_argument("--out", type=Path, required=True, help="the network file to write")
    _add_prevalence(command)
    command.set_defaults(run=_calibrate)


def _calibrate(options: argparse.Namespace) -> None:
    from training.evaluation.evaluate import chosen_films
    from training.learning.rescale import scale_of
    from training.learning.serve import calibrate

    before = scale_of(options.model)
    prevalence = options.prevalence or before.prevalence
    films = chosen_films(options.data, options.only)
    after = calibrate(options.model, films, options.out, prevalence)
    for name, scale in (("before", before), ("now", after)):
        values = dataclasses.asdict(scale).items()
        print(f"{name}: " + ", ".join(f"{key} {value:.3f}" for key, value in values))


def add_compare(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", type=Path, required=True, help="folder as for evaluate")
    command.add_argument("--only", type=Path, help="list of films, like a run's validation.txt")
    command.add_argument("--model", type=Path, nargs=2, required=True, help="two network files")
    command.add_argument("--out", type=Path, required=True, help="where the measure is left")
    command.add_argument("--cutoff", type=float, default=0.1, help="default: %(default)s")
    command.set_defaults(run=_compare)


def _compare(options: argparse.Namespace) -> None:
    from training.evaluation.compare import compare

    one, other = options.model
    compare(options.data, one, other, options.out, options.cutoff, options.only)


def add_faithfulness(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", type=Path, required=True, help="folder as for evaluate")
    command.add_argument("--only", type=Path, help="list of films, like a run's validation.txt")
    command.add_argument("--model", type=Path, default=SHIPPED, help="default: the shipped network")
    command.add_argument("--out", type=Path, required=True, help="where the measure is left")
    command.add_argument("--cutoff", type=float, default=0.1, help="default: %(default)s")
    command.add_argument("--most", type=int, default=200, help="films looked at (%(default)s)")
    command.set_defaults(run=_faithfulness)


def _faithfulness(options: argparse.Namespace) -> None:
    from training.evaluation.faithfulness import faithfulness

    faithfulness(
        options.data, options.model, options.out, options.cutoff, options.most, options.only
    )


def add_strangers(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", type=Path, help="with a folder for each kind of picture")
    command.add_argument("--model", type=Path, default=SHIPPED, help="default: the shipped network")
    command.add_argument("--out", type=Path, required=True, help="where the measure is left")
    command.add_argument("--cutoff", type=float, default=0.1, help="default: %(default)s")
    command.set_defaults(run=_strangers)


def _strangers(options: argparse.Namespace) -> None:
    from training.evaluation.strangers import strangers

    strangers(options.folder, options.model, options.out, options.cutoff)


def _add_prevalence(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--prevalence",
        type=float,
        help="the share of films with pneumonia that probabilities are for (default: 0.19, of "
        "children X-rayed for suspected pneumonia; for calibrate: the network's)",
    )
