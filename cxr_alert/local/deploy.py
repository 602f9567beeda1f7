"""Build and deploy the real template into the emulator with the SAM CLI, as one would to AWS."""

import json
import platform
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import boto3

from cxr_alert.local import emulator, environment, processes

STACK_NAME = "cxr-alert"
_ARCHITECTURE = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
SAM = processes.ROOT / ".venv-sam" / "bin" / "sam"


def start_build(state: Path) -> subprocess.Popen[bytes]:
    """Start `sam build`; it needs no cloud, so the rest of the stack can start meanwhile."""
    home = state / "sam"
    home.mkdir(exist_ok=True)
    # SAM asks the package index weekly for news of itself; told it just did, it does not.
    (home / "metadata.json").write_text(json.dumps({"lastVersionCheck": time.time()}))
    runtime = emulator.python_runtime()
    options: list[str | Path] = ["--template-file", processes.ROOT / "template.yaml"]
    # Without SAM's cache: it does not see changes in rooms that a Makefile copies.
    options += ["--build-dir", state / "build", "--parallel"]
    options += ["--parameter-overrides", f"PythonRuntime={runtime}"]
    # SAM keeps dependencies below the directory it is called in, and removes those of other builds.
    return processes.start("sam build", [SAM, "build", *options], _environment(state), state, state)


def wait_build(process: subprocess.Popen[bytes], state: Path) -> None:
    processes.wait_until_done("sam build", process, state, 300)


def deploy(endpoint_url: str, state: Path, parameters: Mapping[str, str]) -> dict[str, str]:
    """Deploy the built template with profile `local`; returns the stack's outputs by name."""
    given = {
        "PythonRuntime": emulator.python_runtime(),
        "Architecture": _ARCHITECTURE,
        **parameters,
    }
    options: list[str | Path] = ["--template-file", state / "build" / "template.yaml"]
    options += ["--config-file", processes.ROOT / "samconfig.toml", "--config-env", "local"]
    options += ["--stack-name", STACK_NAME, "--no-confirm-changeset"]
    options += ["--parameter-overrides", *(f"{k}={v}" for k, v in given.items())]
    environ = {**_environment(state), **environment.aws(endpoint_url)}
    process = processes.start("sam deploy", [SAM, "deploy", *options], environ, state)
    processes.wait_until_done("sam deploy", process, state, 120)
    return _outputs(environment.session(), endpoint_url)


def _outputs(session: boto3.Session, endpoint_url: str) -> dict[str, str]:
    client = session.client(
        "cloudformation", endpoint_url=endpoint_url, config=environment.client_config()
    )
    (stack,) = client.describe_stacks(StackName=STACK_NAME)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _environment(state: Path) -> dict[str, str]:
    base = environment.base(state)
    return {
        **base,
        # SAM builds with the interpreter that the runtime names: the emulator's.
        "PATH": f"{emulator.HOME / 'bin'}:{base.get('PATH', '')}",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        # What functions/render/Makefile fetches compiled libraries for: this machine.
        "PYTHON_RUNTIME": emulator.python_runtime(),
        "ARCHITECTURE": _ARCHITECTURE,
        "SAM_CLI_TELEMETRY": "0",
        "__SAM_CLI_APP_DIR": str(state / "sam"),
    }
