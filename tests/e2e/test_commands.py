"""`demo`, `up` and `down`, as typed: the printed commands work, and nothing is left running."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import urllib3

from cxr_alert.local import container, places, processes, stack
from screening.errors import Failure
from tests.e2e.application import SAMPLES, wait_until
from tests.e2e.conftest import USERS_OWN
from tests.typed import typed

# The commands use fixed places below build/; here they get others.
PROGRAM = """
import signal
import sys
from pathlib import Path
from cxr_alert.program import main
from cxr_alert.local import places
places.UP = places.DEMO = Path(sys.argv[1])
places.DEMO_RESULT = places.UP / "demo.json"
# A shell has what it starts in the background ignore Ctrl-C; the tests may have been started so.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main(sys.argv[2:]))
"""


def start(state: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(state), *arguments],
        cwd=processes.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(state: Path, *arguments: str) -> tuple[int, str, str]:
    """Run a command that may leave programs running, which are then not of this process."""
    process = start(state, *arguments)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def here(state: Path, *arguments: str) -> tuple[int, str, str]:
    """Run a command that starts nothing, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        for place in ("UP", "DEMO"):
            patch.setattr(places, place, state)
        ended = typed(*arguments)
    return ended.returncode, ended.stdout, ended.stderr


def test_up_prints_commands_that_work_restarts_a_container_and_down_leaves_nothing(
    tmp_path: Path,
) -> None:
    status, out, err = run(tmp_path, "up")
    try:
        assert (status, err) == (0, "")
        first = stack.attach(tmp_path)
        assert first
        assert here(tmp_path, "up")[0] == 0  # it is already running, and stays
        again = stack.attach(tmp_path)
        assert again
        assert again.endpoint_url == first.endpoint_url

        typed = re.findall(r"^  (\.venv.*|\. .*|aws (?:.*\\\n)*.*)$", out, re.MULTILINE)
        settings, drop, follow, receive, whole, positives, look_up, latest = typed
        environment = {**os.environ, **USERS_OWN}

        def shell(command: str) -> str:
            line = f"set -e\n{settings}\n{command}"
            result = subprocess.run(
                ["sh", "-c", line],
                cwd=processes.ROOT,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert result.returncode == 0, result.stderr
            return result.stdout

        film = min((SAMPLES / "PNEUMONIA").glob("*.jpeg")).name
        shell(drop)
        assert film in shell(receive)
        assert '"PNEUMONIA"' in shell(look_up)
        assert film in shell(latest)
        assert follow.endswith("cxr-alert alerts")
        assert whole.endswith("cxr-alert status")
        assert positives.endswith("cxr-alert list positives")
        follower = start(tmp_path, "alerts")
        assert follower.stdout
        assert follower.stdout.readline().startswith("Waiting for alerts")
        restart_container(tmp_path, first)
    finally:
        status, out, err = here(tmp_path, "down")
    _, said = follower.communicate(timeout=60)
    assert (follower.returncode, said) == (
        1,
        "The application has stopped; start it again with `make up`.\n",
    )
    assert (status, out, err) == (0, "Stopped.\n", "")
    assert processes.belonging_to(tmp_path) == []
    assert here(tmp_path, "down") == (0, "Nothing was running.\n", "")
    assert here(tmp_path, "alerts")[0] == 2


def restart_container(state: Path, first: stack.Stack) -> None:
    """End the container, and let `up` start it again; the films are kept."""
    first.s3.put_object(Bucket=first.outputs["UploadsBucketName"], Key="kept.jpeg", Body=b"x")
    known = json.loads((state / "stack.json").read_text())
    processes.stop(processes.family(known["pids"][container.NAME]))
    assert stack.attach(state) is None

    status, out, _ = run(state, "up")
    assert status == 0
    assert out.startswith("The model container had ended; starting it again ...")
    again = stack.attach(state)
    assert again
    assert again.endpoint_url == first.endpoint_url
    again.s3.head_object(Bucket=again.outputs["UploadsBucketName"], Key="kept.jpeg")
    assert urllib3.request("GET", f"{again.container_url}/ping").status == 200


@pytest.mark.parametrize(
    ("phase", "number"),
    [
        ("Building", signal.SIGTERM),
        ("Deploying", signal.SIGINT),
        ("Uploading", signal.SIGINT),
    ],
)
def test_interrupted_demo_leaves_nothing(tmp_path: Path, phase: str, number: int) -> None:
    process = start(tmp_path, "demo")
    assert process.stdout
    for line in process.stdout:
        if phase in line:
            break
    process.send_signal(number)
    _, err = process.communicate(timeout=30)

    assert process.returncode == 130
    assert err == "Interrupted.\n"
    assert processes.belonging_to(tmp_path) == []


def test_down_removes_the_remains_of_a_killed_run(tmp_path: Path) -> None:
    process = start(tmp_path, "up")
    wait_until(lambda: len(processes.belonging_to(tmp_path)) >= 3, "three programs")
    process.kill()
    process.communicate()
    assert processes.belonging_to(tmp_path)

    assert here(tmp_path, "down")[1] == "Stopped.\n"
    assert processes.belonging_to(tmp_path) == []


def test_a_file_that_is_not_a_network_is_reported_in_one_sentence(tmp_path: Path) -> None:
    state = tmp_path / "state"
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no network")

    status, _, err = run(state, "up", "--model", str(broken))
    assert status == 1
    assert err.startswith("The model container ended while it started (exit status 2): ")
    assert err.count("\n") == 1
    assert processes.belonging_to(state) == []

    status, _, err = here(state, "demo", "--model", str(tmp_path / "missing.onnx"))
    assert (status, err.count("\n")) == (2, 1)
    assert "missing.onnx; name one with --model FILE." in err


def test_one_command_at_a_time_in_a_state_directory(tmp_path: Path) -> None:
    process = start(tmp_path, "up")
    try:
        wait_until(lambda: processes.belonging_to(tmp_path), "a first program")
        with pytest.raises(Failure, match=f"Process {process.pid} is working"):
            stack.stop(tmp_path)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
