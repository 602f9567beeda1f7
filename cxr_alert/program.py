"""`cxr-alert`: screen chest X-rays for pneumonia, here and in the cloud."""

import argparse
import io
import os
import sys
from collections.abc import Sequence

from cxr_alert.commands import (
    bench,
    completion,
    deploy,
    evaluate,
    local,
    network,
    operate,
    prepare,
    receive,
    train,
    worklist,
)
from cxr_alert.errors import Failure, Mistake
from cxr_alert.mistakes import sentence_of

FAILED = 1
MISTAKEN = 2  # as argparse ends where an option is wrong
INTERRUPTED = 130

_COMMANDS = (
    local,
    prepare,
    train,
    network,
    evaluate,
    deploy,
    operate,
    worklist,
    receive,
    bench,
    completion,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    _use_one_region()
    # Names of files may hold what a terminal can't show.
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
    except BrokenPipeError:  # the reader of our output went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (ImportError, OSError, UnicodeError, MemoryError) as error:
        if (sentence := sentence_of(error)) is None:
            raise
        return _end(sentence, FAILED)
    return status or 0


def _use_one_region() -> None:
    """Let AWS_REGION count for boto3 too, as it does for `sam` and the AWS command line."""
    if region := os.environ.get("AWS_REGION"):
        os.environ["AWS_DEFAULT_REGION"] = region


def parser() -> argparse.ArgumentParser:
    """All commands with their options; what a command works with is imported when it is run."""
    program = argparse.ArgumentParser(prog="cxr-alert", description=__doc__)
    commands = program.add_subparsers(required=True, metavar="COMMAND")
    for module in _COMMANDS:
        module.add_to(commands)
    return program


def _mistakes() -> tuple[type[Exception], ...]:
    """What a user's mistake is raised as, by what was imported so far.

    The container's image holds no `cxr_alert`, so its error for a bad network is none of ours.
    """
    network = sys.modules.get("serving.network")
    return (Mistake, network.BadNetwork) if network else (Mistake,)


def _end(sentence: object, status: int) -> int:
    print(sentence, file=sys.stderr)
    return status
