"""`cutoff`: choose the cutoff on validation films."""

import argparse

from cxr_alert.asked import add_asked, asked, asked_file
from cxr_alert.options import Commands, add_command, add_data, add_json, add_only, share


def add_to(commands: Commands) -> None:
    command = add_command(commands, "cutoff", "choose the cutoff on validation films", _run)
    add_json(command)
    add_data(command)
    add_asked(command)
    add_only(command)
    command.add_argument(
        "--sensitivity",
        type=share,
        default=0.97,
        metavar="SHARE",
        help="sensitivity to reach (default: %(default)s)",
    )
    command.add_argument(
        "--prevalence",
        type=share,
        nargs="+",
        default=[0.01, 0.05, 0.1, 0.2, 0.5],
        metavar="SHARE",
        help="prevalences to print the cost for (default: 1 %% to 50 %%)",
    )


def _run(options: argparse.Namespace) -> None:
    from training.dataset.chosen import chosen_films
    from training.dataset.folder import print_notes
    from training.dataset.learned import warn_of_learned
    from training.evaluation.cutoff import refuse_test_films, show
    from training.evaluation.evaluate import evaluate_films

    films = chosen_films(options.data, options.only)
    refuse_test_films(options.data, films)
    if network := asked_file(options):
        consequence = "on other films this cutoff finds fewer of the patients with pneumonia."
        print_notes(warn_of_learned(network, films, consequence))
    evaluation = evaluate_films(films, asked(options))
    show(evaluation, options.sensitivity, options.prevalence, as_json=options.json)
