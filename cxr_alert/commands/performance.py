"""`performance`: measure the network against the readers' reviews."""

import argparse
from dataclasses import asdict

from cxr_alert.options import Commands, add_stack_command, share, whole_number
from cxr_alert.output import explain, print_json, say, table


def add_to(commands: Commands) -> None:
    command = add_stack_command(
        commands, "performance", "measure the network against the readers' reviews", _run
    )
    command.add_argument(
        "--days",
        type=whole_number,
        default=90,
        metavar="N",
        help="films of the last N days (default: %(default)s)",
    )
    command.add_argument(
        "--sensitivity",
        type=share,
        default=0.95,
        metavar="SHARE",
        help="sensitivity to reach by a cutoff (default: %(default)s)",
    )


def _run(options: argparse.Namespace) -> None:
    from cxr_alert.operate import worklist
    from cxr_alert.operate.application import open_application

    with open_application(options.stack, worklist=True) as found:
        tables = worklist.performance(found, options.days, options.sensitivity)
    if options.json:
        print_json([asdict(each) for each in tables])
        return
    for each in tables:
        say(each.title)
        table(each.columns, each.rows)
        if each.note:
            explain(each.note)
        say()
