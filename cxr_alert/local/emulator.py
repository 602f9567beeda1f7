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
    """Start the emulator; its functions inherit its environment, with the container's address."""
    settings = {
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": environment.REGION,
        "AUTH": "true",
        # Listeners on other ports and a Docker daemon, which are not needed here.
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
        # One process with one listener, and no worker process.
        [*command, "--workers", "0", "--bind", f"127.0.0.1:{port}"],
        {**environment.base(state), **environment.aws(url(port)), **settings, **extra},
        state,
    )


def wait(process: subprocess.Popen[bytes], port: int, state: Path) -> None:
    processes.wait_until_serving(NAME, process, port, "/_ministack/ready", state, 60)


def url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def python_runtime() -> str:
    """Return the Lambda runtime of the emulator: that of its own interpreter."""
    return next((HOME / "lib").glob("python3.*")).name
