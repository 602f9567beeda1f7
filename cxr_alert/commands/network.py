"""Commands on networks as files: `teacher`, `gate`, `assemble`, `calibrate` and so on."""

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

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
    whole_number,
)
from serving.shipped import SHIPPED_NETWORK

if TYPE_CHECKING:  # it brings PyTorch
    from training.learning.train_gate import GateFolders

TEACHER_RECIPE = SHIPPED_NETWORK.with_name("recipe-teacher.json")


def add_to(commands: Commands) -> None:
    for add in (
        _add_teacher,
        _add_gate,
        _add_left_out,
        _add_assemble,
        _add_calibrate,
        _add_crossfit,
        _add_compare,
        _add_faithfulness,
        _add_strangers,
    ):
        add(commands)


def _add_teacher(commands: Commands) -> None:
    command = add_command(
        commands, "teacher", "train an ImageNet network for train --teacher", _teacher
    )
    add_data(command)
    add_out(command)
    command.add_argument("--recipe", type=Path, default=TEACHER_RECIPE, help="default: %(default)s")
    command.add_argument("--keep-out", type=Path, help="as for train")


def _teacher(options: argparse.Namespace) -> None:
    from training.learning.recipe import load_recipe
    from training.learning.train_teacher import train_teacher

    train_teacher(options.data, options.out, load_recipe(options.recipe), options.keep_out)


def _add_gate(commands: Commands) -> None:
    command = add_command(commands, "gate", "train what refuses other pictures", _gate)
    _add_gate_options(command)


def _add_left_out(commands: Commands) -> None:
    command = add_command(
        commands,
        "left-out",
        "what gates make of kinds of pictures that they never saw",
        _left_out,
    )
    _add_gate_options(command)
    add_json(command)
    command.add_argument(
        "--at-once",
        type=whole_number,
        default=2,
        help="kinds that each gate goes without (%(default)s)",
    )


def _add_gate_options(command: argparse.ArgumentParser) -> None:
    add_data(command)
    command.add_argument(
        "--others", type=Path, required=True, help="a folder for each kind of other picture"
    )
    command.add_argument("--adults", type=Path, required=True, help="chest films of adults")
    add_out(command)
    command.add_argument("--recipe", type=Path, required=True, help="the network's")
    command.add_argument("--keep-out", type=Path, help="as for train")
    command.add_argument(
        "--start",
        type=Path,
        default=SHIPPED_NETWORK,
        help="the served file that the runs started from (default: the shipped network)",
    )


def _gate(options: argparse.Namespace) -> None:
    from training.learning.recipe import load_recipe
    from training.learning.train_gate import train_gate

    train_gate(_folders(options), options.start, options.out, load_recipe(options.recipe))


def _left_out(options: argparse.Namespace) -> None:
    from training.learning.left_out import left_out, show
    from training.learning.recipe import load_recipe

    recipe = load_recipe(options.recipe)
    measured = left_out(_folders(options), options.start, options.out, recipe, options.at_once)
    print_json(measured) if options.json else show(measured)


def _folders(options: argparse.Namespace) -> "GateFolders":
    from training.learning.train_gate import GateFolders

    return GateFolders(options.data, options.others, options.adults, options.keep_out)


def _add_assemble(commands: Commands) -> None:
    command = add_command(
        commands, "assemble", "average runs, add the gate, write the served file", _assemble
    )
    add_data(command)
    command.add_argument("--runs", type=Path, nargs="+", required=True, help="their --out")
    command.add_argument("--gate", type=Path, help="gate.pt, which `gate` left")
    command.add_argument("--start", type=Path, help="what the runs began with, to be mixed in")
    command.add_argument("--share", type=share, default=0.0, help="of --start (%(default)s)")
    add_out(command)
    _add_prevalence(command)


def _assemble(options: argparse.Namespace) -> None:
    from training.learning.assemble import assemble
    from training.learning.scale import PREVALENCE

    assemble(
        options.data,
        options.runs,
        options.gate,
        options.out,
        options.prevalence or PREVALENCE,
        options.start,
        options.share,
    )


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


def _add_crossfit(commands: Commands) -> None:
    command = add_command(
        commands, "crossfit", "what the scale is worth on films it was not fitted on", _crossfit
    )
    add_json(command)
    add_data(command)
    add_only(command)
    add_model(command, "default: the shipped network")
    add_out(command)
    add_cutoff(command)


def _crossfit(options: argparse.Namespace) -> None:
    from training.evaluation.crossfit import crossfit, show

    model = options.model or SHIPPED_NETWORK
    measured = crossfit(options.data, model, options.out, options.cutoff, options.only)
    print_json(measured) if options.json else show(measured, options.cutoff)


def _add_compare(commands: Commands) -> None:
    command = add_command(commands, "compare", "two networks on the same films", _compare)
    add_json(command)
    add_data(command)
    add_only(command)
    command.add_argument("--model", type=Path, nargs=2, required=True, help="two network files")
    add_out(command)
    add_cutoff(command)


def _compare(options: argparse.Namespace) -> None:
    from training.evaluation.compare import compare, show

    one, other = options.model
    measured = compare(options.data, one, other, options.out, options.cutoff, options.only)
    print_json(measured) if options.json else show(measured)


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


def _add_strangers(commands: Commands) -> None:
    command = add_command(
        commands, "strangers", "what the gate takes other pictures for", _strangers
    )
    add_json(command)
    command.add_argument("folder", type=Path, help="with a folder for each kind of picture")
    add_model(command, "default: the shipped network")
    add_out(command)
    add_cutoff(command)


def _strangers(options: argparse.Namespace) -> None:
    from training.evaluation.strangers import show, strangers

    model = options.model or SHIPPED_NETWORK
    measured = strangers(options.folder, model, options.out, options.cutoff)
    print_json(measured) if options.json else show(measured, options.cutoff)


def _add_prevalence(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--prevalence",
        type=share,
        help="the share of films with pneumonia that probabilities are for (default: 0.19, of "
        "children X-rayed for suspected pneumonia; for calibrate: the network's)",
    )
