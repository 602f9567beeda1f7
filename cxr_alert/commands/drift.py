"""`drift`: show how the site's films compare with its reference, on one screen."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cxr_alert.options import Commands, add_stack_command
from cxr_alert.output import explain, facts, print_json, say

if TYPE_CHECKING:
    from cxr_alert.operate.drift import Week

_DAYS = 56  # eight weeks, one character each: with names and last values that is 80 columns
_WEEKS = 4
_LEVELS = "▁▂▃▄▅▆▇█"


def add_to(commands: Commands) -> None:
    command = add_stack_command(
        commands, "drift", "compare the site's films with its reference", _run
    )
    command.add_argument(
        "--new-reference",
        action="store_true",
        help="begin a new reference with the next 500 films, because the change is intended",
    )


def _run(options: argparse.Namespace) -> None:
    from cxr_alert.operate.application import open_application
    from cxr_alert.operate.drift import drift, new_reference

    with open_application(options.stack) as found:
        if options.new_reference:
            new_reference(found, options.stack)
            say("A new reference begins with the next run.")
            return
        shown = drift(found, options.stack)
    if options.json:
        print_json({**shown.found, "weeks": [asdict(each) for each in shown.weeks]})
        return
    _show(shown.found, shown.weeks[-_WEEKS:])


def _show(found: dict[str, Any], weeks: "Sequence[Week]") -> None:
    days = found["days"][-_DAYS:]
    facts(
        (
            ("network", found["network"] or "no film was screened yet"),
            ("cutoff", found["cutoff"] or "unknown"),
            ("reference", f"{found['referenceFilms']} of 500 films, from {found['since']}"),
            ("compared", f"{days[0]['day']} to {found['through']}, a character a day"),
        )
    )
    say()
    _history("films", [day["films"] for day in days], "{:.0f}")
    for name in ("positive", "rejected"):
        shares = [day["positive" if name == "positive" else "refused"] for day in days]
        _history(name, [None if each is None else 100 * each for each in shares], "{:.1f} %")
    _history("distance", [day["distance"] for day in days], "{:.2f}")
    say(f"{'signals':<10}{''.join('!' if day['signals'] else '.' for day in days)}")
    for each in weeks:
        low, high = each.precision.low * 100, each.precision.high * 100
        say(
            f"{each.week:<10}readers confirmed {each.confirmed} of {each.reviewed} positives: "
            f"{each.precision.value * 100:.0f} % ({low:.0f} to {high:.0f} %)"
        )
    say()
    if not found["signals"]:
        say("There is no signal.")
    for signal in found["signals"]:
        explain(f"Look: {signal['said']}")
        for key in signal["films"]:
            say(f"  {key}")


def _history(name: str, values: "Sequence[float | None]", form: str) -> None:
    known = [each for each in values if each is not None]
    highest = max(known, default=0) or 1
    bars = "".join(
        " " if each is None else _LEVELS[round(each / highest * (len(_LEVELS) - 1))]
        for each in values
    )
    last = form.format(known[-1]) if known else "unknown"
    say(f"{name:<10}{bars} {last}")
