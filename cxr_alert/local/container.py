"""The model container behind SageMaker's runtime, as one process on one loopback port."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from cxr_alert.local import environment, processes

NAME = "model container"
ENDPOINT_NAME = "cxr-alert"  # the template's default; no other endpoint exists here


def start(model: Path, port: int, state: Path, extra: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the container with a network file."""
    return processes.start(
        NAME,
        [
            *(
                sys.executable,
                "-m",
                "cxr_alert.local.sagemaker_runtime",
                "--endpoint-name",
                ENDPOINT_NAME,
            ),
            *("--model", model, "--port", str(port)),
        ],
        {**environment.base(state), **extra},
        state,
    )


def wait(process: subprocess.Popen[bytes], port: int, state: Path) -> None:
    processes.wait_until_serving(NAME, process, port, "/ping", state, 60)
