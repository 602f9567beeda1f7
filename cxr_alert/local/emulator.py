"""The cloud emulator: ministack with IAM enforced, on one loopback port."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from cxr_alert.local import environment, mail, processes

NAME = "emulator"
HOME = processes.ROOT / ".venv-emulator"


def start(
    port: int, container_url: str, state: Path, extra: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start it; functions inherit its environment, so it says where the model container is."""
    settings = {
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": environment.REGION,
        "AUTH": "true",
        # Listeners on other ports and a Docker daemon: nothing here needs them.
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "DOCKER_HOST": f"unix://{state}/no-docker",
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": container_url,
        "CXR_ALERT_MAIL": str(mail.directory(state)),
    }
    command: list[str | Path] = [
        HOME / "bin" / "python",
        "-m",
        "hypercorn",
        "cxr_alert.local.emulated_cloud:app",
    ]
    return processes.start(
        NAME,
        # No worker process: one process, one listener.
        [*command, "--workers", "0", "--bind", f"127.0.0.1:{port}"],
        {**environment.base(state), **environment.aws(url(port)), **settings, **extra},
        state,
    )


def wait(process: subprocess.Popen[bytes], port: int, state: Path) -> None:
    processes.wait_until_serving(NAME, process, port, "/_ministack/ready", state, 60)


def url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def python_runtime() -> str:
    """The Lambda runtime that the emulator runs functions in: its own interpreter's."""
    return next((HOME / "lib").glob("python3.*")).name
