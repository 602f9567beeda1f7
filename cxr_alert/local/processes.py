"""Start, find and stop the processes of a local stack.

Each process has the stack's state directory in its environment, and its children inherit it. So a
later `down`, also after a crash, finds exactly these processes, and never touches another process
that was given the id of a dead one.
"""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from screening.errors import Failure

MARK = "CXR_ALERT_LOCAL"
ROOT = Path(__file__).resolve().parents[2]


def start(
    name: str,
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    state: Path,
    cwd: Path = ROOT,
) -> subprocess.Popen[bytes]:
    """Start a program of the stack in its own session, with its output in `<state>/<name>.log`."""
    with interrupts_held(), log_file(state, name).open("wb") as log:
        try:
            # Its own session, so that Ctrl-C reaches only this process, which stops the others in
            # order.
            return subprocess.Popen(
                command,
                cwd=cwd,
                env={**environment, MARK: str(state)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise Failure(
                f"Can't start the {name}: {error}. `make demo` installs what it needs."
            ) from error


def log_file(state: Path, name: str) -> Path:
    return state / f"{name.replace(' ', '-')}.log"


def wait_until_serving(
    name: str, process: subprocess.Popen[bytes], port: int, path: str, state: Path, seconds: float
) -> None:
    """Return once `GET path` answers 200; raise Failure if the process ends or does not answer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise failure(f"The {name} ended while it started", name, process.returncode, state)
        if _answers(port, path):
            return
        time.sleep(0.05)
    log = log_file(state, name)
    raise Failure(f"The {name} did not answer within {seconds:.0f} s; its output is in {log}.")


def wait_until_done(
    name: str, process: subprocess.Popen[bytes], state: Path, seconds: float
) -> None:
    """Wait for a command to succeed; raise Failure with its last output if it fails."""
    try:
        status = process.wait(seconds)
    except subprocess.TimeoutExpired:
        log = log_file(state, name)
        raise Failure(f"{name} took over {seconds:.0f} s; its output is in {log}.") from None
    if status:
        raise failure(f"{name} failed", name, status, state)


def failure(what: str, name: str, status: int, state: Path) -> Failure:
    """Return the sentence about a program that ended unexpectedly."""
    log = log_file(state, name)
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("Error", "error", "ERROR"))]
    last = (errors or lines or ["it printed nothing"])[-1]
    return Failure(
        f"{what} (exit status {status}): {last.rstrip('.')}. All its output is in {log}."
    )


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def belonging_to(state: Path) -> list[psutil.Process]:
    """Return the living processes of the stack in `state`, whoever started them."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == str(state):
                found.append(process)
    return found


def stop(processes: Iterable[psutil.Process], grace: float = 3.0) -> None:
    """Stop processes and wait for their end; those that run on after `grace` seconds are killed."""
    alive = list(processes)
    for end in (psutil.Process.terminate, psutil.Process.kill):
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                end(process)
        deadline = time.monotonic() + grace
        while (alive := [each for each in alive if _runs(each)]) and time.monotonic() < deadline:
            time.sleep(0.02)
    if alive:
        pids = " ".join(str(process.pid) for process in alive)
        raise Failure(f"Some programs don't end; stop them with `kill -9 {pids}`.")


def _runs(process: psutil.Process) -> bool:
    """Return whether it still runs; a zombie counts as ended."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all its descendants; empty if it has ended."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def free_ports(count: int) -> list[int]:
    """Return different free TCP ports on 127.0.0.1."""
    with contextlib.ExitStack() as probes:
        sockets = [probes.enter_context(socket.socket()) for _ in range(count)]
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in sockets]


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Delay Ctrl-C and termination signals until the block is complete."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda n, _: arrived.append(n)) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if arrived:
            os.kill(os.getpid(), arrived[0])
