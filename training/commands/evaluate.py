"""`python -m training evaluate`, `robustness`, `predict` and `cutoff`: what a network is worth."""

import argparse
import shlex
import sys
from pathlib import Path

from serving.shipped import SHIPPED_NETWORK
from training.evaluation.predictor import ParallelPredictor, load_network


def add_evaluate(command: argparse.ArgumentParser) -> None:
    _add_data(command)
    _add_asked(command, required=True)
    _add_only(command)
    command.add_argument("--out", type=_folder, required=True, help="where the measure is left")
    command.add_argument(
        "--cutoff",
        type=_share,
        default=0.1,
        help="measured beside 0.5 and 0.1, and shown in the report (%(default)s)",
    )
    command.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> None:
    from training.evaluation.evaluate import chosen_films, evaluate_films, save
    from training.evaluation.report import write_report

    films = chosen_films(options.data, options.only)
    evaluation = evaluate_films(films, _asked(options), [options.cutoff])
    save(evaluation, options.data, options.out)
    typed = shlex.join(["python", "-m", "training", *sys.argv[1:]])
    report = write_report(evaluation, options.data, options.cutoff, typed, options.out)
    print(f"AUC {evaluation.metrics['auc']:.4f}; {report} shows the rest.")


def add_robustness(command: argparse.ArgumentParser) -> None:
    _add_data(command)
    command.add_argument(
        "--model", type=Path, default=SHIPPED_NETWORK, help="default: the shipped network"
    )
    _add_only(command)
    command.add_argument("--out", type=_folder, required=True, help="where the measure is left")
    command.add_argument("--cutoff", type=_share, default=0.1, help="default: %(default)s")
    command.set_defaults(run=_robustness)


def _robustness(options: argparse.Namespace) -> None:
    from training.evaluation.robustness import robustness

    robustness(options.data, options.model, options.out, options.cutoff, options.only)


def add_predict(command: argparse.ArgumentParser) -> None:
    command.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="JPEG or PNG")
    _add_asked(command, required=False)
    command.add_argument("--json", action="store_true", help="for programs")
    command.set_defaults(run=_predict)


def _predict(options: argparse.Namespace) -> None:
    from training.evaluation.predict import predict_images

    predict_images(options.images, _asked(options), as_json=options.json)


def add_cutoff(command: argparse.ArgumentParser) -> None:
    _add_data(command)
    _add_asked(command, required=True)
    _add_only(command)
    command.add_argument(
        "--sensitivity", type=_share, default=0.97, help="share to be found (%(default)s)"
    )
    command.add_argument(
        "--prevalence",
        type=_share,
        nargs="+",
        default=[0.01, 0.05, 0.1, 0.2, 0.5],
        help="shares of films with pneumonia for which the price is told (1 to 50 %%)",
    )
    command.add_argument("--json", action="store_true", help="for programs")
    command.set_defaults(run=_cutoff)


def _cutoff(options: argparse.Namespace) -> None:
    from training.evaluation.cutoff import refuse_test_films, show
    from training.evaluation.evaluate import chosen_films, evaluate_films

    films = chosen_films(options.data, options.only)
    refuse_test_films(options.data, films)
    evaluation = evaluate_films(films, _asked(options))
    show(evaluation, options.sensitivity, options.prevalence, as_json=options.json)


def _add_asked(command: argparse.ArgumentParser, *, required: bool) -> None:
    asked = command.add_mutually_exclusive_group(required=required)
    default = "" if required else "; default: the shipped network"
    asked.add_argument("--model", type=Path, help=f"a network, an ONNX file{default}")
    asked.add_argument("--endpoint", metavar="NAME", help="a live SageMaker endpoint")


def _asked(options: argparse.Namespace) -> ParallelPredictor:
    if options.endpoint:
        from training.evaluation.live_endpoint import connect  # AWS's SDK, for those who ask AWS

        return connect(options.endpoint)
    return load_network(options.model or SHIPPED_NETWORK)


def _add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data", type=Path, required=True, help="folder with NORMAL and PNEUMONIA, at any depth"
    )


def _add_only(command: argparse.ArgumentParser) -> None:
    command.add_argument("--only", type=Path, help="list of films, like a run's validation.txt")


def _folder(text: str) -> Path:
    folder = Path(text)
    if folder.exists() and not folder.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a file; name a folder")
    return folder


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return share
