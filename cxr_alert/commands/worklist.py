"""What is typed about the worklist: `unreviewed`, `performance`, `export`, `enlist`, `add-reader`.

docs/worklist.md says when.
"""

import argparse

from cxr_alert.options import (
    Commands,
    Run,
    add_command,
    add_json,
    add_out,
    share,
    whole_number,
)


def add_to(commands: Commands) -> None:
    add_json(_add(commands, "unreviewed", "count positives that nobody reviewed", _unreviewed))

    worth = _add(commands, "performance", "tell what the network was worth", _performance)
    worth.add_argument(
        "--days", type=whole_number, default=90, metavar="N", help="(default: %(default)s)"
    )
    worth.add_argument(
        "--sensitivity",
        type=share,
        default=0.95,
        metavar="SHARE",
        help="that the cutoff should have (default: %(default)s)",
    )
    add_json(worth)

    out = _add(commands, "export", "write the reviewed films as a folder for `prepare`", _export)
    add_out(out)
    add_json(out)

    add_json(_add(commands, "enlist", "enter all screening records into the worklist", _enlist))

    reader = _add(commands, "add-reader", "let somebody log in to the worklist", _add_reader)
    reader.add_argument("name", help="what they log in with")
    reader.add_argument("--email", metavar="ADDRESS", help="where their first password goes")
    reader.add_argument("--administrator", action="store_true", help="they see the performance too")


def _add(commands: Commands, name: str, purpose: str, run: Run) -> argparse.ArgumentParser:
    command = add_command(commands, name, purpose, run)
    command.add_argument(
        "--stack", default="cxr-alert", metavar="NAME", help="the stack (default: %(default)s)"
    )
    return command


def _unreviewed(options: argparse.Namespace) -> None:
    from cxr_alert.operate import worklist_commands

    worklist_commands.unreviewed(options.stack, as_json=options.json)


def _performance(options: argparse.Namespace) -> None:
    from cxr_alert.operate import worklist_commands

    worklist_commands.performance(
        options.stack, options.days, options.sensitivity, as_json=options.json
    )


def _export(options: argparse.Namespace) -> None:
    from cxr_alert.operate import worklist_commands

    worklist_commands.export(options.stack, options.out, as_json=options.json)


def _enlist(options: argparse.Namespace) -> None:
    from cxr_alert.operate import worklist_commands

    worklist_commands.enlist(options.stack, as_json=options.json)


def _add_reader(options: argparse.Namespace) -> None:
    from cxr_alert.operate import worklist_commands

    groups = ["readers", "administrators"] if options.administrator else ["readers"]
    worklist_commands.add_reader(options.stack, options.name, options.email, groups)
