"""`cxr-alert` as typed, in this process: importing its packages takes seconds, so only once.

As a program of another environment, it imports the modules of its arguments, and then runs each
command of its input in a fork: SageMaker's SDK keeps the session of its first job.
"""

import contextlib
import importlib
import io
import json
import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest.mock import patch

from cxr_alert.program import main

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Ended:
    returncode: int
    stdout: str
    stderr: str


def typed(*arguments: str | Path, **environment: str) -> Ended:
    """Run `cxr-alert ARGUMENTS` in the project's folder, with these variables besides others."""
    line = [*map(str, arguments)]
    with (
        patch.dict(os.environ, environment),
        patch("boto3.DEFAULT_SESSION", None),
        patch.object(sys, "argv", ["cxr-alert", *line]),
        contextlib.chdir(ROOT),
        contextlib.redirect_stdout(_terminal()) as stdout,
        contextlib.redirect_stderr(_terminal()) as stderr,
    ):
        try:
            status = main(line)
        except SystemExit as ended:  # argparse's own
            status = int(ended.code or 0)
        return Ended(status, _written(stdout), _written(stderr))


def typed_in(environment: Mapping[str, str], *arguments: str | Path) -> Ended:
    """Run `cxr-alert ARGUMENTS` in the project's folder, with these variables and no others."""
    with patch.dict(os.environ, environment, clear=True):
        return typed(*arguments)


def _terminal() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8")


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


def _in_forks(modules: list[str]) -> None:
    for each in modules:
        importlib.import_module(each)
    for line in sys.stdin:
        environment, arguments = json.loads(line)
        child = os.fork()
        if not child:
            os.environ.clear()
            os.environ.update(environment)
            ended = typed(*arguments)
            for thread in threading.enumerate():
                if thread.daemon:  # it may have something to send, which an early end would hide
                    thread.join(5)
            sys.stdout.write(json.dumps(asdict(ended)) + "\n")
            sys.stdout.flush()
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            sys.exit(f"{arguments} ended without an answer.")


if __name__ == "__main__":
    _in_forks(sys.argv[1:])
