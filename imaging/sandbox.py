"""Read films in worker processes, so that a hostile file can fail only itself.

The work on a film is a task: to render it, or to split it into a de-identified copy and the
identity.

A supervisor process starts once and imports everything. For each film it forks a worker with limits
on memory and time, which reads the one film, answers and ends. The supervisor's environment has
nothing of the function's, e.g. no credentials. A worker opens no file and no connection, and starts
no process. The processes are connected by pipes only: Lambda has no /dev/shm for multiprocessing's
queues.

Run as a program, this module is the supervisor. Each message on the pipes is its length in eight
bytes and that many bytes: in, a film; out, a JSON line about it, and after that the rendition and
the picture for readers, either of which may be missing.

A film to be taken apart comes after a JSON line, and its answer's line before the two files.

System calls are not filtered: libseccomp and its bindings are LGPL, Lambda's kernel has no
Landlock, and a filter of our own could be wrong.
"""

import codecs
import contextlib
import errno
import json
import os
import resource
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO

from imaging.refusals import NotReadable
from imaging.rendered import Rendition
from screening.facts import Facts, facts_from, plain
from screening.refusals import Code

MEMORY_BYTES = 768 * 1024 * 1024  # besides the supervisor's: three times the need of 40 megapixels
SECONDS = 20.0
START_SECONDS = 30.0

_LENGTH = struct.Struct(">Q")
_ROOT = Path(__file__).parents[1]
# Variables that Python and its libraries need to start; others may be the function's secrets.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ")
_TRIES = 2  # of a worker that is killed from outside, e.g. for lack of memory


class Task(StrEnum):
    RENDER = "render"
    DEIDENTIFY = "deidentify"


class RefusedInSandbox(NotReadable):
    """The worker's rejection of a film: a code, a sentence, and a picture if one can be made."""

    def __init__(self, code: str, reason: str, facts: Facts | None, picture: bytes | None) -> None:
        super().__init__(reason)
        self.code, self.facts, self.picture = code, facts, picture


class NotTakenApart(NotReadable):
    """The reason why a film can't be split: a code and a sentence."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class SandboxBroke(Exception):
    """The supervisor does not answer, or a worker failed for an unknown reason: retry."""


@dataclass(frozen=True)
class Limits:
    memory_bytes: int = MEMORY_BYTES
    seconds: float = SECONDS


@dataclass(frozen=True)
class Apart:
    """A film's copy without identity, and the identity, both as DICOM files.

    `study_uid` is the one in the copy.
    """

    copy: bytes
    identity: bytes
    study_uid: str


class Sandbox:
    """A supervisor and the pipes to it, for one thread at a time; starts it at the first use."""

    def __init__(self, limits: Limits | None = None, task: Task = Task.RENDER) -> None:
        self.limits = limits or Limits()
        self.task = task
        self._supervisor: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the supervisor unless it runs; do not wait for it."""
        if self._supervisor is not None and self._supervisor.poll() is None:
            return
        self.close()
        self._supervisor = subprocess.Popen(
            [sys.executable, "-m", "imaging.sandbox", self.task, json.dumps(vars(self.limits))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # libraries would quote the patient there
            cwd=_ROOT,
            env=_environment(),
        )

    def render(self, data: bytes) -> Rendition:
        """Return the film's rendition.

        Raise NotReadable, or SandboxBroke if it should be retried.
        """
        return _understood(self._ask(data))

    def deidentify(self, data: bytes, key: bytes, instance_uid: str) -> Apart:
        """Split a film as imaging/dicom/deidentified.py does.

        Raises the same errors as `render`.
        """
        line = json.dumps({"key": key.hex(), "instance_uid": instance_uid})
        return _understood_apart(self._ask(line.encode() + b"\n" + data))

    def _ask(self, data: bytes) -> bytes:
        self.start()
        supervisor = self._supervisor
        if supervisor is None or supervisor.stdin is None or supervisor.stdout is None:
            raise SandboxBroke("The decoder could not be started.")
        deadline = time.monotonic() + START_SECONDS + self.limits.seconds
        try:
            _send(supervisor.stdin, data)
            return _receive(supervisor.stdout, deadline)
        except (OSError, EOFError, TimeoutError):
            self.close()
            raise SandboxBroke("The decoder failed; it will be started again.") from None

    def close(self) -> None:
        """End the supervisor, and with it any worker."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is None:
            return
        for pipe in (supervisor.stdin, supervisor.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        supervisor.kill()
        supervisor.wait()


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    # One thread only, since this process forks.
    path = os.pathsep.join(map(str, sys.path))
    return kept | {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}


def _understood(line_and_pictures: bytes) -> Rendition:
    line, _, pictures = line_and_pictures.partition(b"\n")
    answer = json.loads(line)
    if "failure" in answer:
        raise SandboxBroke(f"The decoder failed: {answer['failure']}.")
    facts = facts_from(answer["facts"]) if answer["facts"] else None
    size = answer["rendition"]
    png, picture = pictures[:size], pictures[size:] or None
    if "reason" in answer:
        raise RefusedInSandbox(answer["code"], answer["reason"], facts, picture)
    return Rendition(png, facts, picture)


def _understood_apart(line_and_files: bytes) -> Apart:
    line, _, files = line_and_files.partition(b"\n")
    answer = json.loads(line)
    if "reason" in answer:
        raise NotTakenApart(answer["code"], answer["reason"])
    split = answer["identity"]
    return Apart(files[split:], files[:split], answer["study_uid"])


def _send(pipe: IO[bytes], data: bytes) -> None:
    pipe.write(_LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def _receive(pipe: IO[bytes], deadline: float) -> bytes:
    (length,) = _LENGTH.unpack(_read(pipe, _LENGTH.size, deadline))
    return _read(pipe, length, deadline)


def _read(pipe: IO[bytes], length: int, deadline: float) -> bytes:
    parts, missing = [], length
    while missing:
        ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError
        part = os.read(pipe.fileno(), min(missing, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


# --- the supervisor ---


def _answer_to(data: bytes) -> bytes:
    """Return a worker's answer about a film."""
    from imaging.rendition import render

    try:
        rendition = render(data)
    except NotReadable as refusal:
        return _refusal(refusal.code, str(refusal), refusal.facts, refusal.picture)
    except MemoryError:
        return _too_large()
    except OSError as error:
        if error.errno != errno.EMFILE:
            raise
        # A library tried to open a file, to import a part of itself: not the film's fault.
        return json.dumps({"failure": "it may open no file"}).encode() + b"\n"
    return _answer({}, rendition.facts, rendition.png, rendition.picture)


def _apart(data: bytes) -> bytes:
    """Return a worker's answer about a film to be split."""
    from imaging.dicom.deidentified import deidentify

    line, _, film = data.partition(b"\n")
    asked = json.loads(line)
    try:
        made = deidentify(film, bytes.fromhex(asked["key"]), asked["instance_uid"])
    except NotReadable as refusal:
        return _refusal(refusal.code, str(refusal))
    except MemoryError:
        return _too_large()
    answer = {"study_uid": made.study_uid, "identity": len(made.identity)}
    return json.dumps(answer).encode() + b"\n" + made.identity + made.copy


def _too_large() -> bytes:
    return _refusal(
        Code.TOO_LARGE, "The file takes more memory or time than a film needs. Export it again."
    )


def _refusal(
    code: str, reason: str, facts: Facts | None = None, picture: bytes | None = None
) -> bytes:
    return _answer({"code": code, "reason": reason}, facts, b"", picture)


def _answer(
    values: dict[str, str], facts: Facts | None, png: bytes, picture: bytes | None
) -> bytes:
    line = {**values, "facts": plain(facts) if facts else None, "rendition": len(png)}
    return json.dumps(line).encode() + b"\n" + png + (picture or b"")


def _supervised(data: bytes, limits: Limits, answer_to: Callable[[bytes], bytes]) -> bytes:
    """Return a worker's answer; if the worker dies or takes too long, the film is at fault.

    If the worker was killed from outside, the film is not at fault and is tried again.
    """
    for _ in range(_TRIES):
        answer = _in_a_worker(data, limits, answer_to)
        if answer is not None:
            return answer
    return _too_large()


def _in_a_worker(data: bytes, limits: Limits, answer_to: Callable[[bytes], bytes]) -> bytes | None:
    """Fork, and return the worker's answer; None if it was killed from outside."""
    reading, writing = os.pipe()
    worker = os.fork()
    if worker == 0:
        try:
            os.close(reading)
            _confine(limits)
            with os.fdopen(writing, "wb") as pipe:
                _send(pipe, answer_to(data))
        finally:
            os._exit(0)
    os.close(writing)
    answer: bytes | None = None
    status: int | None = None
    with os.fdopen(reading, "rb") as pipe:
        try:
            answer = _receive(pipe, time.monotonic() + limits.seconds)
        except TimeoutError:
            answer = _too_large()
        except EOFError:
            status = _exit_status(worker)
    if status is None:
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
    elif os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return None
    return answer or _too_large()


def _exit_status(worker: int) -> int | None:
    """Return the exit status of a worker that closed its pipe; None if it still runs."""
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        ended, status = os.waitpid(worker, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.001)
    return None


def _confine(limits: Limits) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + limits.memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Past the soft limit SIGXCPU ends it: SIGKILL would look like a kill from outside.
    seconds = int(limits.seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    for inherited in (sys.stdin, sys.stdout):  # the pipe to the function
        os.close(inherited.fileno())
    for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE):
        resource.setrlimit(limit, (0, 0))


def _import_all(task: Task) -> None:
    """Import the renderer and what its libraries import later: a worker may open no file.

    Only the supervisor imports them; the process that starts a sandbox does not need the codecs.
    """
    import imagecodecs
    import numpy.ma  # noqa: F401
    from PIL import Image
    from pydicom.charset import python_encoding

    if task is Task.RENDER:
        import imaging.rendition
    else:
        import imaging.dicom.deidentified  # noqa: F401

    Image.preinit()
    imagecodecs.packbits_decode  # noqa: B018 - imported as it is asked for
    for encoding in set(python_encoding.values()):
        with contextlib.suppress(LookupError):
            codecs.lookup(encoding)


def _supervise(limits: Limits, task: Task) -> None:
    _import_all(task)
    work = _answer_to if task is Task.RENDER else _apart
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    while header := incoming.read(_LENGTH.size):
        (length,) = _LENGTH.unpack(header)
        data = incoming.read(length)
        _send(outgoing, _supervised(data, limits, work))
        del data


if __name__ == "__main__":
    _supervise(Limits(**json.loads(sys.argv[2])), Task(sys.argv[1]))
