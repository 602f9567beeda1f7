"""`cxr-alert`: screen chest X-rays for pneumonia, on this machine and on AWS."""

import argparse
import io
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Protocol

from cxr_alert.commands import (
    add_reader,
    alerts,
    aliases,
    arrivals,
    audit,
    calibrate,
    check,
    completion,
    cutoff,
    demo,
    deploy,
    down,
    drift,
    enlist,
    erase,
    evaluate,
    export,
    faithfulness,
    identify,
    install,
    look_up,
    performance,
    predict,
    prepare,
    receive,
    reconcile,
    redrive,
    rehearse,
    remove_reader,
    rescreen,
    robustness,
    send,
    status,
    train,
    unreviewed,
    up,
)
from cxr_alert.commands import list as listing
from cxr_alert.mistakes import sentence_of
from cxr_alert.options import Commands
from cxr_alert.output import say
from screening.errors import Failure, Mistake

FAILED = 1
MISTAKEN = 2  # the exit status of argparse for a wrong option
INTERRUPTED = 130


class Command(Protocol):
    """A module of `commands/`."""

    def add_to(self, commands: Commands, /) -> None: ...


GROUPS: Mapping[str, tuple[Command, ...]] = {
    "run it here": (demo, up, down, alerts, predict, completion),
    "operate": (
        install,
        deploy,
        receive,
        send,
        arrivals,
        status,
        drift,
        check,
        look_up,
        listing,
        reconcile,
        redrive,
        rescreen,
        identify,
        erase,
        rehearse,
    ),
    "worklist": (unreviewed, performance, export, enlist, add_reader, remove_reader, audit),
    "data and training": (prepare, train, calibrate),
    "evaluation": (evaluate, robustness, cutoff, faithfulness),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    _use_one_region()
    # File names may contain characters that a terminal can't show.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        options = parser().parse_args(arguments)
        status: int | None = options.run(options)
    except _mistakes() as error:
        return _end(error, MISTAKEN)
    except Failure as error:
        return _end(error, FAILED)
    except KeyboardInterrupt:
        return _end("Interrupted.", INTERRUPTED)
    except BrokenPipeError:  # the reader of our output has gone, e.g. `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (ImportError, OSError, UnicodeError, MemoryError) as error:
        if (sentence := sentence_of(error)) is None:
            raise
        return _end(sentence, FAILED)
    return status or 0


def _use_one_region() -> None:
    """Let AWS_REGION count for boto3 too, as for `sam` and the AWS command line."""
    if region := os.environ.get("AWS_REGION"):
        os.environ["AWS_DEFAULT_REGION"] = region


class _Program(argparse.ArgumentParser):
    """The program's parser, whose help lists the commands in groups."""

    listed: Mapping[str, Mapping[str, str]]  # by group: each command with its purpose

    def format_help(self) -> str:
        formatter = self.formatter_class(prog=self.prog)
        formatter.add_usage(self.usage, [], [])
        formatter.add_text(self.description)
        for title, commands in self.listed.items():
            formatter.start_section(title)
            for name, purpose in commands.items():
                formatter.add_argument(argparse.Action([], dest=name, metavar=name, help=purpose))
            formatter.end_section()
        formatter.add_text(self.epilog)
        return formatter.format_help()


def parser() -> argparse.ArgumentParser:
    """Return the parser with all commands; a command's dependencies are imported when it runs."""
    program = _Program(
        prog="cxr-alert",
        usage="%(prog)s COMMAND ...",
        description="Screen chest X-rays for pneumonia, on this machine and on AWS.",
        epilog="`cxr-alert COMMAND --help` explains one command.",
    )
    program.set_defaults(program=program)  # for `completion`
    commands: Commands = program.add_subparsers(
        required=True, metavar="COMMAND", prog="cxr-alert", parser_class=argparse.ArgumentParser
    )
    program.listed = {title: _add(commands, modules) for title, modules in GROUPS.items()}
    aliases.add_to(commands)
    return program


def _add(commands: Commands, modules: Sequence[Command]) -> dict[str, str]:
    """Add the commands; return the name and purpose of each."""
    before = len(commands.choices)
    for module in modules:
        module.add_to(commands)
    added = list(commands.choices.items())[before:]
    return {name: (command.description or "").rstrip(".") for name, command in added}


def _mistakes() -> tuple[type[Exception], ...]:
    """Return the error classes of user mistakes, as far as they are imported.

    The container's image has no `cxr_alert`, so its error for a bad network is another class.
    """
    network = sys.modules.get("serving.network")
    return (Mistake, network.BadNetwork) if network else (Mistake,)


def _end(sentence: object, status: int) -> int:
    say(sentence, error=True)
    return status
