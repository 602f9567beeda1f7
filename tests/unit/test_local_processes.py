import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cxr_alert.local import processes
from screening.errors import Failure


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    processes.stop(processes.belonging_to(tmp_path), grace=0.2)


def start(state: Path, program: str) -> subprocess.Popen[bytes]:
    return processes.start("program", [sys.executable, "-c", program], dict(os.environ), state)


def reap(process: subprocess.Popen[bytes]) -> None:
    process.wait(10)


def test_programs_are_known_by_their_state_and_so_are_their_children(state: Path) -> None:
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'], stdin=-1)"
    process = start(state, f"{child.replace('input()', 'import time; time.sleep(60)')}")
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        psutil_process = psutil.Process(process.pid)
        while not psutil_process.children():
            assert process.poll() is None
        (grandchild,) = psutil_process.children()
        while len(processes.belonging_to(state)) < 2:
            assert process.poll() is None

        found = {each.pid for each in processes.belonging_to(state)}
        assert found == {process.pid, grandchild.pid}

        processes.stop(processes.belonging_to(state))
        assert processes.belonging_to(state) == []
        assert stranger.poll() is None
    finally:
        reap(process)
        stranger.communicate(b"\n")


def test_who_does_not_end_when_asked_is_made_to(state: Path) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True)"
    process = start(state, f"{deaf}; time.sleep(60)")
    while not processes.log_file(state, "program").read_bytes():
        assert process.poll() is None

    processes.stop(processes.family(process.pid), grace=0.1)
    reap(process)
    assert process.returncode == -signal.SIGKILL


def test_a_program_that_ends_while_it_starts_is_told_with_its_last_words(state: Path) -> None:
    process = start(state, "print('hello'); raise SystemExit('Error: no film in the camera.')")

    with pytest.raises(Failure, match=r"The program ended.*\(exit status 1\): Error: no film"):
        processes.wait_until_serving("program", process, 1, "/ping", state, seconds=10)


def test_a_program_that_stays_silent_is_told(state: Path) -> None:
    (port,) = processes.free_ports(1)
    process = start(state, "import time; time.sleep(60)")

    with pytest.raises(Failure, match="did not answer within 0 s"):
        processes.wait_until_serving("program", process, port, "/ping", state, seconds=0.2)
    processes.stop(processes.family(process.pid))
    reap(process)


def test_a_missing_program_is_told(state: Path) -> None:
    with pytest.raises(Failure, match=r"Can't start the emulator: .*make demo"):
        processes.start("emulator", ["/no/such/program"], {}, state)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C as in a terminal; a background process may ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_waits_for_the_end_of_the_block() -> None:
    done = []

    def interrupted() -> None:
        with processes.interrupts_held():
            os.kill(os.getpid(), signal.SIGINT)
            done.append("all of it")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert done == ["all of it"]


def test_free_ports_differ() -> None:
    assert len(set(processes.free_ports(20))) == 20
