"""`bench`: measure the application's speed and cost."""

import argparse

from cxr_alert.options import Commands, add_command, whole_number

_PARTS = ("endpoint", "machine", "function", "flow", "training", "money")


def add_to(commands: Commands) -> None:
    command = add_command(
        commands, "bench", "measure the application's speed and cost into build/bench.json", _run
    )
    command.add_argument(
        "--only",
        nargs="+",
        choices=_PARTS,
        default=_PARTS,
        metavar="PART",
        help=f"measure these parts only: {', '.join(_PARTS)}",
    )
    command.add_argument(
        "--rounds",
        type=whole_number,
        default=5,
        metavar="N",
        help="rounds of each part (default: %(default)s)",
    )
    command.add_argument("--long", action="store_true", help="also measure 5,000 uploads")
    command.add_argument(
        "--report",
        action="store_true",
        help="do not measure; write the last run's table into docs/performance.md",
    )


def _run(options: argparse.Namespace) -> None:
    from benchmarks import commands

    if options.report:
        commands.write_report()
    else:
        commands.run(options.only, options.rounds, long=options.long)
