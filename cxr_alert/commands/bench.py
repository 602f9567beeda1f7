"""`bench`: how fast the application is, what it costs, and how that compares."""

import argparse

from cxr_alert.options import Commands, add_command, whole_number

_PARTS = ("endpoint", "machine", "function", "flow", "training", "money")


def add_to(commands: Commands) -> None:
    command = add_command(
        commands, "bench", "measure the application; writes build/bench.json", _run
    )
    command.add_argument(
        "--only", nargs="+", choices=_PARTS, default=_PARTS, help="some parts only"
    )
    command.add_argument(
        "--rounds", type=whole_number, default=5, help="rounds of each part (%(default)s)"
    )
    command.add_argument("--long", action="store_true", help="5,000 uploads besides")
    command.add_argument(
        "--report",
        action="store_true",
        help="measure nothing: put the last run's table into docs/performance.md",
    )


def _run(options: argparse.Namespace) -> None:
    from benchmarks import commands

    if options.report:
        commands.write_report()
    else:
        commands.run(options.only, options.rounds, long=options.long)
