"""`python -m benchmarks.simulations`: simulations of loads that do not fit on one machine.

They are a backfill of a million films, `reconcile` over ten million versions, and `remind` with a
hundred thousand unreviewed films; some minutes in all. `--report` writes the tables to
docs/reliability.md.
"""

import argparse
from collections.abc import Callable

from benchmarks import backfill, bill, reconcile, remind
from benchmarks.inputs import ROOT

DOCUMENT = ROOT / "docs" / "reliability.md"
Rows = list[tuple[str, str]]
PARTS: dict[str, Callable[[], Rows]] = {
    "backfill": lambda: backfill.rows(backfill.FILMS),
    "reconcile": lambda: reconcile.rows(reconcile.VERSIONS, hours=24),
    "remind": lambda: remind.rows(remind.FILMS),
}


def table(rows: Rows) -> str:
    return "\n".join(
        [
            "| what | simulated |",
            "| --- | --- |",
            *(f"| {what} | {found} |" for what, found in rows),
        ]
    )


def marks(part: str) -> tuple[str, str]:
    """Return the texts before and after a part's table in the page."""
    return f"<!-- simulated: {part} -->", f"<!-- end of {part} -->"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulations", description=__doc__)
    parser.add_argument("--only", choices=PARTS, nargs="+", default=[*PARTS], metavar="PART")
    parser.add_argument("--report", action="store_true", help="write into docs/reliability.md")
    options = parser.parse_args()
    for part in options.only:
        shown = table(PARTS[part]())
        print(f"{part}\n\n{shown}\n")
        if options.report:
            before, _, after = bill.parts(DOCUMENT.read_text(), *marks(part))
            DOCUMENT.write_text(f"{before}{shown}{after}")


if __name__ == "__main__":
    main()
