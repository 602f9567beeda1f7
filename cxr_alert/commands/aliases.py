"""Former names of commands, kept for one release. Each prints the new name and does the work."""

import argparse
from dataclasses import asdict

from cxr_alert.commands import list as listing
from cxr_alert.options import Commands, Run, add_json
from cxr_alert.output import print_json, say


def add_to(commands: Commands) -> None:
    """Add them without a help text, which keeps them out of `--help` and completion."""
    for name, new, run in (
        ("positives", "list positives", _positives),
        ("rejects", "list rejects", _rejects),
        ("waiting", "status", _waiting),
    ):
        command = commands.add_parser(name, description=f"Former name of `cxr-alert {new}`.")
        command.add_argument("--stack", default="cxr-alert", metavar="NAME")
        add_json(command)
        if run is not _waiting:
            listing.add_count(command)
        command.set_defaults(run=_renamed(name, new, run))
    _add_bench(commands)


def _add_bench(commands: Commands) -> None:
    command = commands.add_parser("bench", add_help=False, prefix_chars="\0")
    command.add_argument("rest", nargs="*")
    command.set_defaults(run=_bench)


def _bench(options: argparse.Namespace) -> int:
    import subprocess
    import sys

    from cxr_alert.local.processes import ROOT

    say("`cxr-alert bench` is now `make bench`; the next release drops it.", error=True)
    return subprocess.call([sys.executable, "-m", "benchmarks", *options.rest], cwd=ROOT)


def _renamed(name: str, new: str, run: Run) -> Run:
    def warned(options: argparse.Namespace) -> int | None:
        say(f"`cxr-alert {name}` is now `cxr-alert {new}`; the next release drops it.", error=True)
        return run(options)

    return warned


def _positives(options: argparse.Namespace) -> None:
    listing.show(options, "positives")


def _rejects(options: argparse.Namespace) -> None:
    listing.show(options, "rejects")


def _waiting(options: argparse.Namespace) -> None:
    from cxr_alert.operate import queues
    from cxr_alert.operate.application import open_application

    with open_application(options.stack) as found:
        depths = queues.depths(found)
    if options.json:
        print_json([asdict(each) for each in depths])
    else:
        queues.show(depths)
