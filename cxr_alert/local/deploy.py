"""Build and deploy the real template into the emulator with the SAM CLI, as one would to AWS."""

import json
import platform
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import boto3

from cxr_alert.local import emulator, environment, processes


@dataclass(frozen=True)
class Template:
    """A template of the repository, and the stack that it becomes."""

    path: Path
    stack_name: str

    @property
    def directory(self) -> str:
        """The directory, in the state directory, where it is built."""
        return f"build-{self.stack_name}"


APPLICATION = Template(processes.ROOT / "template.yaml", "cxr-alert")
WORKLIST = Template(processes.ROOT / "functions/worklist/template.yaml", "cxr-alert-worklist")
DRIFT = Template(processes.ROOT / "functions/drift/template.yaml", "cxr-alert-drift")
RESULTS = Template(processes.ROOT / "functions/publish/template.yaml", "cxr-alert-results")

ARCHITECTURE = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
SAM = processes.ROOT / ".venv-sam" / "bin" / "sam"


def start_build(template: Template, state: Path) -> subprocess.Popen[bytes]:
    """Start `sam build`; it needs no cloud, so the rest of the stack can start meanwhile."""
    home = state / "sam"
    home.mkdir(exist_ok=True)
    # SAM asks the package index weekly for news of itself; told it just did, it does not.
    (home / "metadata.json").write_text(json.dumps({"lastVersionCheck": time.time()}))
    runtime = emulator.python_runtime()
    options: list[str | Path] = ["--template-file", template.path, "--language-extensions"]
    # Without SAM's cache: it does not see changes in rooms that a Makefile copies.
    options += ["--build-dir", state / template.directory, "--parallel"]
    options += ["--parameter-overrides", f"PythonRuntime={runtime}"]
    # SAM keeps dependencies below the directory it is called in, and removes those of other builds.
    scratch = state / f"sam-{template.stack_name}"
    scratch.mkdir(exist_ok=True)
    name = _named("sam build", template)
    return processes.start(name, [SAM, "build", *options], _environment(state), state, scratch)


def wait_build(template: Template, process: subprocess.Popen[bytes], state: Path) -> None:
    processes.wait_until_done(_named("sam build", template), process, state, 300)
    built = state / template.directory / "template.yaml"
    built.write_text(_allowing(built.read_text(), emulator.python_runtime()))


def _allowing(template: str, runtime: str) -> str:
    """Return the built template with the emulator's Python allowed, which AWS may not run."""
    allowed = "    Default: python3.13\n    AllowedValues:\n"
    if f"    - {runtime}\n" in template:
        return template
    return template.replace(allowed, f"{allowed}    - {runtime}\n")


def deploy(
    template: Template, endpoint_url: str, state: Path, parameters: Mapping[str, str]
) -> dict[str, str]:
    """Deploy a built template with profile `local`; returns the stack's outputs by name."""
    options: list[str | Path] = ["--template-file", state / template.directory / "template.yaml"]
    options += ["--config-file", processes.ROOT / "samconfig.toml", "--config-env", "local"]
    options += ["--stack-name", template.stack_name, "--no-confirm-changeset"]
    given = {"PythonRuntime": emulator.python_runtime(), **parameters}
    options += ["--parameter-overrides", *(f"{k}={v}" for k, v in given.items())]
    environ = {**_environment(state), **environment.aws(endpoint_url)}
    name = _named("sam deploy", template)
    process = processes.start(name, [SAM, "deploy", *options], environ, state)
    processes.wait_until_done(name, process, state, 120)
    return _outputs(environment.session(), endpoint_url, template.stack_name)


def _named(command: str, template: Template) -> str:
    return command if template == APPLICATION else f"{command} {template.stack_name}"


def _outputs(session: boto3.Session, endpoint_url: str, stack_name: str) -> dict[str, str]:
    client = session.client(
        "cloudformation", endpoint_url=endpoint_url, config=environment.client_config()
    )
    (stack,) = client.describe_stacks(StackName=stack_name)["Stacks"]
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
        "ARCHITECTURE": ARCHITECTURE,
        "SAM_CLI_TELEMETRY": "0",
        "__SAM_CLI_APP_DIR": str(state / "sam"),
    }
