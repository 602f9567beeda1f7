"""`evaluate`, `robustness`, `predict` and `cutoff`: what a network is worth."""

import argparse
import shlex
import sys
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
)
from screening.config import DEFAULT_CUTOFF
from serving.shipped import SHIPPED_NETWORK

if TYPE_CHECKING:
    from training.evaluation.predictor import ParallelPredictor


def add_to(commands: Commands) -> None:
    for add in (_add_evaluate, _add_robustness, _add_cutoff, _add_predict):
        add(commands)


def _add_evaluate(commands: Commands) -> None:
    command = add_command(commands, "evaluate", "measure a network on labelled films", _evaluate)
    add_json(command)
    add_data(command)
    _add_asked(command)
    add_only(command)
    add_out(command)
    command.add_argument(
        "--cutoff",
        type=share,
        default=float(DEFAULT_CUTOFF),
        help="measured beside 0.5 and 0.1, and shown in the report (%(default)s)",
    )
    command.add_argument(
        "--prevalence",
        type=share,
        help="measure calibration as if this share of films showed pneumonia (default: the "
        "network's, or else as among these films)",
    )


def _evaluate(options: argparse.Namespace) -> None:
    from training.evaluation.evaluate import chosen_films, evaluate_films, save
    from training.evaluation.report import write_report

    films = chosen_films(options.data, options.only)
    evaluation = evaluate_films(films, _asked(options), [options.cutoff], options.prevalence)
    save(evaluation, options.data, options.out)
    typed = shlex.join(["cxr-alert", *sys.argv[1:]])
    report = write_report(evaluation, options.data, options.cutoff, typed, options.out)
    if options.json:
        print_json({**evaluation.metrics, "report": str(report)})
    else:
        print(f"AUC {evaluation.metrics['auc']:.4f}; {report} shows the rest.")


def _add_robustness(commands: Commands) -> None:
    command = add_command(
        commands, "robustness", "measure it on films rendered otherwise", _robustness
    )
    add_json(command)
    add_data(command)
    add_model(command, "a network, an ONNX file; default: the shipped network")
    add_only(command)
    add_out(command)
    add_cutoff(command)


def _robustness(options: argparse.Namespace) -> None:
    from training.evaluation.robustness import robustness, show

    model = options.model or SHIPPED_NETWORK
    measured = robustness(options.data, model, options.out, options.cutoff, options.only)
    if options.json:
        print_json(measured)
    else:
        show(measured, options.cutoff)


def _add_predict(commands: Commands) -> None:
    command = add_command(commands, "predict", "what is found on images", _predict)
    add_json(command)
    command.add_argument(
        "images", nargs="+", type=Path, metavar="IMAGE", help="JPEG, PNG or DICOM; or a folder"
    )
    _add_asked(command)
    add_cutoff(command)
    command.add_argument(
        "--without-gate", action="store_true", help="judge even what the network's gate refuses"
    )


def _predict(options: argparse.Namespace) -> None:
    from training.evaluation.predict import films_below, predict_images

    predict_images(
        films_below(options.images),
        _asked(options),
        options.cutoff,
        gated=not options.without_gate,
        as_json=options.json,
    )


def _add_cutoff(commands: Commands) -> None:
    command = add_command(commands, "cutoff", "choose the cutoff on validation films", _cutoff)
    add_json(command)
    add_data(command)
    _add_asked(command)
    add_only(command)
    command.add_argument(
        "--sensitivity", type=share, default=0.97, help="share to be found (%(default)s)"
    )
    command.add_argument(
        "--prevalence",
        type=share,
        nargs="+",
        default=[0.01, 0.05, 0.1, 0.2, 0.5],
        help="shares of films with pneumonia for which the price is told (1 to 50 %%)",
    )


def _cutoff(options: argparse.Namespace) -> None:
    from training.evaluation.cutoff import refuse_test_films, show
    from training.evaluation.evaluate import chosen_films, evaluate_films

    films = chosen_films(options.data, options.only)
    refuse_test_films(options.data, films)
    evaluation = evaluate_films(films, _asked(options))
    show(evaluation, options.sensitivity, options.prevalence, as_json=options.json)


def _add_asked(command: argparse.ArgumentParser) -> None:
    asked = command.add_mutually_exclusive_group()
    add_model(asked, "a network, an ONNX file; default: the shipped network")
    asked.add_argument("--endpoint", metavar="NAME", help="a live SageMaker endpoint")


def _asked(options: argparse.Namespace) -> "ParallelPredictor":
    from training.evaluation.predictor import load_network

    if options.endpoint:
        from training.evaluation.live_endpoint import connect  # AWS's SDK, for those who ask AWS

        return connect(options.endpoint)
    return load_network(options.model or SHIPPED_NETWORK)
