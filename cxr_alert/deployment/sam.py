"""The SAM command line: build and deploy a template without questions."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from screening.errors import Failure, Mistake

# Of the templates' PythonRuntime, the default first.
RUNTIMES = ("python3.13", "python3.12", "python3.14")
_LINES_SHOWN = 25


@dataclass(frozen=True)
class Tool:
    """The program, and the samconfig.toml with the profile `unattended`."""

    program: Path
    config: Path


def python_runtime(preferred: str | None = None) -> str:
    """Return the first of the functions' Pythons that this machine has: `sam build` needs it."""
    wanted = [preferred, *RUNTIMES] if preferred else RUNTIMES
    found = next((each for each in wanted if _works(each)), None)
    if found is None:
        raise Mistake(
            f"`sam build` needs one of {', '.join(RUNTIMES)}: install it, e.g. by "
            "`uv python install 3.13`, and have it in PATH."
        )
    return found


def _works(python: str) -> bool:
    """Return whether a Python runs: pyenv has commands for versions that are not installed."""
    if not shutil.which(python):
        return False
    tried = subprocess.run(
        [python, "-c", ""], check=False, capture_output=True, stdin=subprocess.DEVNULL
    )
    return tried.returncode == 0


def build(tool: Tool, profile: str, root: Path, runtime: str, architecture: str) -> None:
    """Build the template of a profile of samconfig.toml, into the folder that it names."""
    command = [str(tool.program), "build", "--config-file", str(tool.config)]
    command += ["--config-env", profile, "--parameter-overrides", f"PythonRuntime={runtime}"]
    # functions/render/Makefile fetches compiled libraries for these.
    _run(command, root, {"PYTHON_RUNTIME": runtime, "ARCHITECTURE": architecture})


def deploy(tool: Tool, template: Path, stack: str, parameters: Sequence[str]) -> None:
    """Deploy a built template; one that is deployed already, unchanged, is left as it is."""
    command = [str(tool.program), "deploy", "--template-file", str(template)]
    command += ["--config-file", str(tool.config), "--config-env", "unattended"]
    command += ["--stack-name", stack, "--parameter-overrides", *parameters]
    _run(command)


def _run(
    command: Sequence[str], folder: Path | None = None, more: Mapping[str, str] | None = None
) -> None:
    """Raise Failure with the last lines that the program printed, if it failed."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "SAM_CLI_TELEMETRY": "0", **(more or {})},
            check=False,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except FileNotFoundError:
        raise Mistake(
            f"There is no SAM command line at {command[0]}: `make build/.sam` installs it."
        ) from None
    if done.returncode:
        raise Failure("\n".join(done.stdout.strip().splitlines()[-_LINES_SHOWN:]))
