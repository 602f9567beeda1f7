"""`rehearse`: check on a temporary stack what the emulator can't show."""

import argparse
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from cxr_alert.interrupts import end_in_order
from cxr_alert.options import Commands, add_command, some_text
from cxr_alert.output import say, table
from screening.errors import Failure, Mistake

if TYPE_CHECKING:
    from cxr_alert.rehearsal.report import Report

_ROOT = Path(__file__).parents[2]
_DOLLARS = 2  # a day's share of alarms, metrics and key, and some films


def add_to(commands: Commands) -> None:
    command = add_command(
        commands,
        "rehearse",
        "deploy a temporary stack, break it, check that its alarms sound, and remove it",
        _run,
    )
    command.add_argument(
        "--stack",
        type=_stack,
        default="cxr-alert-rehearsal",
        metavar="NAME",
        help="the temporary stack; its name must contain the word rehearsal (default: %(default)s)",
    )
    command.add_argument(
        "--endpoint",
        type=some_text,
        default="cxr-alert",
        metavar="NAME",
        help="an endpoint in service, which gets about ten films (default: %(default)s)",
    )
    command.add_argument(
        "--template",
        type=Path,
        default=_ROOT / ".aws-sam" / "build" / "template.yaml",
        metavar="FILE",
        help="the built template (default: the output of `sam build`)",
    )
    command.add_argument(
        "--parameters",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="more parameters of the template",
    )
    command.add_argument(
        "--out",
        type=Path,
        default=_ROOT / "build" / "rehearsal",
        metavar="FOLDER",
        help="folder for report and journal (default: build/rehearsal)",
    )
    what = command.add_mutually_exclusive_group()
    what.add_argument(
        "--yes",
        action="store_true",
        help="really run; without it, the command only lists the steps",
    )
    what.add_argument("--clean", action="store_true", help="remove what an earlier run left")


def _stack(text: str) -> str:
    """Return the stack's name; refuse one that may be a hospital's own stack."""
    if "rehearsal" not in text or not re.fullmatch(r"[a-zA-Z][-a-zA-Z0-9]{0,60}", text):
        raise argparse.ArgumentTypeError(
            f"{text}: must be a stack name that contains the word rehearsal"
        )
    return text


def _run(options: argparse.Namespace) -> int:
    from cxr_alert.local.build import SAM
    from cxr_alert.operate.application import aws_in_sentences
    from cxr_alert.rehearsal.run import clean, rehearse
    from cxr_alert.rehearsal.stage import Settings
    from cxr_alert.rehearsal.steps import STEPS

    end_in_order()
    if options.clean:
        with aws_in_sentences():
            return _end(clean(options.stack, options.out), options.out)
    if not options.yes:
        table(
            ("step", "finding", "assumption", "minutes"),
            [(each.name, each.findings, each.assumption, f"{each.minutes}") for each in STEPS],
        )
        minutes = sum(each.minutes for each in STEPS)
        say(f"{minutes} minutes at most, usually 30 to 60, about ${_DOLLARS}.")
        say(f"Nothing was done. With --yes, the stack {options.stack} is deployed and removed.")
        return 0
    if not options.template.exists():
        raise Mistake(f"There is no {options.template}: run `sam build` first.")
    sam = shutil.which("sam") or SAM
    settings = Settings(
        stack=options.stack,
        template=options.template,
        endpoint=options.endpoint,
        sam=Path(sam),
        config=_ROOT / "samconfig.toml",
        parameters=tuple(options.parameters),
    )
    with aws_in_sentences():
        return _end(rehearse(settings, options.out, say), options.out)


def _end(report: "Report", folder: Path) -> int:
    for each in report.leftovers:
        say(f"Left over: {each.what}: {each.why}")
    if report.outcomes:
        say(f"The report is {folder / 'report.md'}, and report.json beside it.")
    if report.leftovers:
        raise Failure("Something is left over: run the command again with --clean.")
    if report.refuted:
        raise Failure(
            "AWS behaved differently than assumed: see the report, and please send "
            "it to the project."
        )
    return 0
