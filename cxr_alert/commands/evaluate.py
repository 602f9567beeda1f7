"""`evaluate`: measure a network on labelled films."""

import argparse
import shlex
import sys

from cxr_alert.asked import add_asked, asked, asked_file
from cxr_alert.options import (
    Commands,
    add_command,
    add_data,
    add_json,
    add_only,
    add_out,
    share,
)
from cxr_alert.output import print_json, say
from screening.config import DEFAULT_CUTOFF


def add_to(commands: Commands) -> None:
    command = add_command(commands, "evaluate", "measure a network on labelled films", _run)
    add_json(command)
    add_data(command)
    add_asked(command)
    add_only(command)
    add_out(command)
    command.add_argument(
        "--cutoff",
        type=share,
        default=float(DEFAULT_CUTOFF),
        metavar="SHARE",
        help="cutoff to measure and report, beside 0.5 and 0.1 (default: %(default)s)",
    )
    command.add_argument(
        "--prevalence",
        type=share,
        metavar="SHARE",
        help="measure calibration for this prevalence (default: the "
        "network's, or else the share among these films)",
    )


def _run(options: argparse.Namespace) -> None:
    from training.dataset.chosen import chosen_films
    from training.dataset.folder import print_notes
    from training.dataset.learned import warn_of_learned
    from training.evaluation.evaluate import evaluate_films, save
    from training.evaluation.report import write_report

    films = chosen_films(options.data, options.only)
    if network := asked_file(options):
        print_notes(warn_of_learned(network, films, "every figure is too good."))
    evaluation = evaluate_films(films, asked(options), [options.cutoff], options.prevalence)
    save(evaluation, options.data, options.out)
    typed = shlex.join(["cxr-alert", *sys.argv[1:]])
    report = write_report(evaluation, options.data, options.cutoff, typed, options.out)
    if options.json:
        print_json({**evaluation.metrics, "report": str(report)})
    else:
        say(f"AUC {evaluation.metrics['auc']:.4f}. The report is {report}.")
