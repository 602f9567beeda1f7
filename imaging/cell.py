"""Renders films in child processes, so that a hostile file costs one try and nothing else.

A warden process starts once and has everything imported. For each film it forks a child with a
limit on memory and on time, which reads the one film, answers and ends. Nothing but pipes: Lambda
has no /dev/shm for multiprocessing's queues.

Run as a program, this module is the warden. What goes through the pipes is a length in eight bytes
and that many bytes: in, a film; out, a JSON line about it, and the PNG after that.
"""

import contextlib
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
from pathlib import Path
from typing import IO

from imaging.refusals import NotReadable
from imaging.rendered import Rendition
from screening.facts import facts_from, plain
from screening.refusals import Code

MEMORY_BYTES = 768 * 1024 * 1024  # beyond what the warden has: three times what 40 megapixels take
SECONDS = 20.0
START_SECONDS = 30.0

_LENGTH = struct.Struct(">Q")
_ROOT = Path(__file__).parents[1]


class RefusedInCell(NotReadable):
    """What the child said of the film: a code and a sentence."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class CellBroke(Exception):
    """The warden is gone or silent, and what that means for the film is not known: try again."""


@dataclass(frozen=True)
class Limits:
    memory_bytes: int = MEMORY_BYTES
    seconds: float = SECONDS


class Cell:
    """A warden and the pipes to it; from one thread at a time. It is started when first needed."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._warden: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the warden, unless it runs, and go on without waiting for it."""
        if self._warden is not None and self._warden.poll() is None:
            return
        self.close()
        self._warden = subprocess.Popen(
            [sys.executable, "-m", "imaging.cell", json.dumps(vars(self.limits))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # where libraries would quote the patient
            cwd=_ROOT,
            # One thread: whoever forks should have no other.
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join(map(str, sys.path)), "OPENBLAS_NUM_THREADS": "1"},
        )

    def render(self, data: bytes) -> Rendition:
        """Return the film's rendition; raise NotReadable, or CellBroke where to try again."""
        self.start()
        warden = self._warden
        if warden is None or warden.stdin is None or warden.stdout is None:
            raise CellBroke("The decoder could not be started.")
        deadline = time.monotonic() + START_SECONDS + self.limits.seconds
        try:
            _send(warden.stdin, data)
            answer = _receive(warden.stdout, deadline)
        except (OSError, EOFError, TimeoutError):
            self.close()
            raise CellBroke("The decoder broke down; it is started anew.") from None
        return _understood(answer)

    def close(self) -> None:
        """End the warden, and with it any child."""
        warden, self._warden = self._warden, None
        if warden is None:
            return
        for pipe in (warden.stdin, warden.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        warden.kill()
        warden.wait()


def _understood(answer: bytes) -> Rendition:
    line, _, png = answer.partition(b"\n")
    said = json.loads(line)
    if "reason" in said:
        raise RefusedInCell(said["code"], said["reason"])
    return Rendition(png, facts_from(said["facts"]) if said["facts"] else None)


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


# --- the warden ---


def _answer_to(data: bytes) -> bytes:
    """What the child says of a film."""
    from imaging.rendition import render

    try:
        rendition = render(data)
    except NotReadable as refusal:
        return _refusal(refusal.code, str(refusal))
    except MemoryError:
        return _too_large()
    facts = plain(rendition.facts) if rendition.facts else None
    return json.dumps({"facts": facts}).encode() + b"\n" + rendition.png


def _too_large() -> bytes:
    return _refusal(
        Code.TOO_LARGE, "The file takes more memory or time than a film needs. Export it anew."
    )


def _refusal(code: str, reason: str) -> bytes:
    return json.dumps({"code": code, "reason": reason}).encode() + b"\n"


def _in_a_child(data: bytes, limits: Limits, answer_to: Callable[[bytes], bytes]) -> bytes:
    """Fork, and return the child's answer; a child that dies or dawdles is the file's fault."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            _confine(limits)
            answer = answer_to(data)
            with os.fdopen(writing, "wb") as pipe:
                _send(pipe, answer)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        try:
            return _receive(pipe, time.monotonic() + limits.seconds)
        except (EOFError, TimeoutError):
            return _too_large()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _confine(limits: Limits) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + limits.memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    seconds = int(limits.seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))


def _keep_ward(limits: Limits) -> None:
    # Here only: whoever starts a cell does without the codecs, and children inherit them.
    import imaging.rendition  # noqa: F401

    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    while header := incoming.read(_LENGTH.size):
        (length,) = _LENGTH.unpack(header)
        data = incoming.read(length)
        _send(outgoing, _in_a_child(data, limits, _answer_to))
        del data


if __name__ == "__main__":
    _keep_ward(Limits(**json.loads(sys.argv[1])))
