"""`cxr-alert` as typed, in this process: importing its packages takes seconds, so only once."""

import contextlib
import io
import os
import sys
from dataclasses import dataclass
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


def _terminal() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8")


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()
