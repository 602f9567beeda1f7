"""Deploy the real template into the emulator with the SAM CLI, as one would to AWS."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import boto3

from cxr_alert.local import build, emulator, environment, processes


def start(
    built: build.Build, endpoint_url: str, state: Path, parameters: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    """Start to deploy a built template with profile `local`."""
    options: list[str | Path] = ["--template-file", built.file]
    options += ["--config-file", processes.ROOT / "samconfig.toml", "--config-env", "local"]
    options += ["--stack-name", built.template.stack_name, "--no-confirm-changeset"]
    given = {"PythonRuntime": emulator.python_runtime(), **parameters}
    options += ["--parameter-overrides", *(f"{k}={v}" for k, v in given.items())]
    environ = {**build.sam_environment(state), **environment.aws(endpoint_url)}
    name = build.named("sam deploy", built.template)
    return processes.start(name, [build.SAM, "deploy", *options], environ, state)


def wait(
    built: build.Build, process: "subprocess.Popen[bytes]", endpoint_url: str, state: Path
) -> dict[str, str]:
    """Return the stack's outputs by name once it is deployed."""
    name = build.named("sam deploy", built.template)
    processes.wait_until_done(name, process, state, 120)
    return _outputs(environment.session(), endpoint_url, built.template.stack_name)


def _outputs(session: boto3.Session, endpoint_url: str, stack_name: str) -> dict[str, str]:
    client = session.client(
        "cloudformation", endpoint_url=endpoint_url, config=environment.client_config()
    )
    (stack,) = client.describe_stacks(StackName=stack_name)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
