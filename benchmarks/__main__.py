"""`python -m benchmarks`, or `make bench`: measure the application's speed and cost."""

import argparse
import sys

from benchmarks import commands
from screening.errors import Mistake

_PARTS = ("endpoint", "machine", "function", "flow", "training", "money")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only",
        nargs="+",
        choices=_PARTS,
        default=_PARTS,
        metavar="PART",
        help=f"measure these parts only: {', '.join(_PARTS)}",
    )
    parser.add_argument(
        "--rounds", type=int, default=5, metavar="N", help="rounds of each part (%(default)s)"
    )
    parser.add_argument("--long", action="store_true", help="also measure 5,000 uploads")
    parser.add_argument(
        "--report",
        action="store_true",
        help="do not measure; write the last run's table into docs/performance.md",
    )
    options = parser.parse_args()
    try:
        if options.report:
            commands.write_report()
        else:
            commands.run(options.only, options.rounds, long=options.long)
    except Mistake as mistake:
        print(mistake, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
