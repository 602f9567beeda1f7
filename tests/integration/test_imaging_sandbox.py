"""Films rendered in child processes: the damage by a hostile film is limited."""

import contextlib
import fcntl
import io
import json
import os
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import numpy as np
import psutil
import pytest
from PIL import Image
from pydicom.uid import UID, JPEGLosslessSV1

from imaging.rendition import render
from imaging.sandbox import Limits, RefusedInSandbox, Sandbox, SandboxBroke
from testbed.dicom_films import SYNTAXES, dicom, film

LARGE = film(2000, 2400)


@pytest.fixture
def supervisors() -> Callable[[], list[psutil.Process]]:
    """Return the children that the test adds; earlier tests may have left others."""
    before = set(psutil.Process().children())
    return lambda: [child for child in psutil.Process().children() if child not in before]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    """One supervisor for many films: each still has a new worker, forked for it."""
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


def refused(sandbox: Sandbox, data: bytes) -> RefusedInSandbox:
    with pytest.raises(RefusedInSandbox) as caught:
        sandbox.render(data)
    return caught.value


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "DICOM"])
def test_a_film_is_rendered_as_it_is_outside_the_sandbox(shared: Sandbox, kind: str) -> None:
    if kind == "DICOM":
        data = dicom(LARGE, JPEGLosslessSV1)
    else:
        file = io.BytesIO()
        Image.fromarray(LARGE).save(file, kind)
        data = file.getvalue()
    rendition = shared.render(data)
    assert rendition == render(data)
    assert min(Image.open(io.BytesIO(rendition.png)).size) == 1024
    assert (rendition.facts is not None) == (kind == "DICOM")


def test_a_small_film_is_not_enlarged(shared: Sandbox) -> None:
    rendition = shared.render(dicom(film()))
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(rendition.png))), film())


def test_a_refusal_has_its_code_and_sentence(shared: Sandbox) -> None:
    refusal = refused(shared, dicom(film(), tags={"Modality": "MR"}))
    assert (refusal.code, "CR and DX" in str(refusal)) == ("modality", True)
    assert refused(shared, b"nothing").code == "format"


@pytest.mark.parametrize(
    "limits", [Limits(memory_bytes=4 * 1024 * 1024), Limits(seconds=0.001)], ids=["memory", "time"]
)
def test_a_film_that_takes_too_much_is_refused_and_leaves_no_child(
    supervisors: Callable[[], list[psutil.Process]], limits: Limits
) -> None:
    sandbox = Sandbox(limits)
    try:
        for _ in range(2):
            assert refused(sandbox, dicom(LARGE)).code == "too_large"
        (supervisor,) = supervisors()
        assert supervisor.children() == []
    finally:
        sandbox.close()
    assert supervisors() == []


def test_a_supervisor_that_died_before_is_replaced_at_once(
    supervisors: Callable[[], list[psutil.Process]], sandbox: Sandbox
) -> None:
    sandbox.render(dicom(film()))
    (supervisor,) = supervisors()
    supervisor.kill()
    supervisor.wait(30)
    assert sandbox.render(dicom(film())).png


def test_a_supervisor_that_dies_with_a_film_is_replaced_for_the_next(
    supervisors: Callable[[], list[psutil.Process]], sandbox: Sandbox
) -> None:
    sandbox.render(dicom(film()))
    (supervisor,) = supervisors()
    supervisor.suspend()
    pipe = sandbox._supervisor.stdin if sandbox._supervisor else None
    assert pipe
    with ThreadPoolExecutor(1) as pool:
        rendered = pool.submit(sandbox.render, dicom(film()))
        deadline = time.monotonic() + 30
        while not waiting_in(pipe):  # otherwise it may be replaced before it has the film
            assert time.monotonic() < deadline
            time.sleep(0.001)
        supervisor.kill()
        with pytest.raises(SandboxBroke):
            rendered.result()
    assert sandbox.render(dicom(film())).png


def waiting_in(pipe: IO[bytes]) -> int:
    """Return the bytes that are not read yet."""
    count = fcntl.ioctl(pipe.fileno(), termios.FIONREAD, bytes(4))
    return int.from_bytes(count, sys.byteorder)


def test_a_supervisor_that_dies_just_then_is_replaced_now_or_for_the_next(
    supervisors: Callable[[], list[psutil.Process]], sandbox: Sandbox
) -> None:
    sandbox.render(dicom(film()))
    (supervisor,) = supervisors()
    supervisor.kill()
    with contextlib.suppress(SandboxBroke):  # it may not have been dead yet
        assert sandbox.render(dicom(film())).png
    assert sandbox.render(dicom(film())).png


PROBE = """
import os, signal, socket, sys
from imaging.sandbox import Limits, _supervised
def answer_to(data):
    refused = b""
    for name, attempt in {
        "file": lambda: open("/proc/1/environ"),
        "network": lambda: socket.socket(),
        "pipe": os.pipe,
    }.items():
        try:
            attempt()
        except OSError:
            refused += name.encode() + b" "
    return refused
def killed_always(data):
    os.kill(os.getpid(), signal.SIGKILL)
def crashed(data):
    os.kill(os.getpid(), signal.SIGSEGV)
print(_supervised(b"", Limits(), answer_to).decode(), file=sys.stderr)
reading, writing = os.pipe()
os.write(writing, b"1")
os.set_blocking(reading, False)
def killed_at_first(data):
    try:
        os.read(reading, 1)
    except BlockingIOError:
        return b"answered"
    os.kill(os.getpid(), signal.SIGKILL)
print(_supervised(b"", Limits(), killed_at_first).decode(), file=sys.stderr)
print(_supervised(b"", Limits(), killed_always).decode(), file=sys.stderr)
print(_supervised(b"", Limits(), crashed).decode(), file=sys.stderr)
"""


def test_a_worker_can_open_no_file_and_its_film_is_retried_after_a_kill() -> None:
    command = [sys.executable, "-c", PROBE]
    ran = subprocess.run(command, stdin=subprocess.PIPE, capture_output=True, text=True, check=True)
    opened, killed_once, killed_always, crashed = filter(None, ran.stderr.splitlines())
    assert opened.split() == ["file", "network", "pipe"]
    assert killed_once == "answered"
    assert json.loads(killed_always)["code"] == json.loads(crashed)["code"] == "too_large"


def test_the_supervisor_inherits_no_credentials(
    supervisors: Callable[[], list[psutil.Process]],
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "TABLE_NAME"):
        monkeypatch.setenv(name, "a secret")
    assert sandbox.render(dicom(film())).png
    (supervisor,) = supervisors()
    environment = supervisor.environ()
    assert "PYTHONPATH" in environment
    assert "a secret" not in environment.values()


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_workers_read_each_syntax_though_they_can_import_nothing(
    shared: Sandbox, syntax: UID
) -> None:
    assert shared.render(dicom(film(), syntax, tags={"SpecificCharacterSet": "ISO_IR 13"})).png


def test_the_supervisor_writes_nothing_where_logs_are(
    sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    refused(sandbox, dicom(film(), tags={"Rows": 60000, "Columns": 60000}))
    assert capfd.readouterr() == ("", "")


def test_a_sandbox_does_not_depend_on_the_current_folder(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert sandbox.render(dicom(film())).png


def test_the_process_that_starts_a_sandbox_imports_no_codec() -> None:
    """The function's process starts faster without them, and memory limits are the workers'."""
    heavy = "{'numpy', 'PIL', 'pydicom', 'imagecodecs'}"
    program = f"import sys, imaging.sandbox; print(sorted({heavy} & set(sys.modules)))"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"
