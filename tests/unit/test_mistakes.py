"""Errors of the user's machine and files, each as one sentence that says what to do."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_alert.mistakes import sentence_of
from cxr_alert.options import folder
from screening.errors import Mistake
from training.dataset.private import write_private

ROOT = Path(__file__).parents[2]
# `python -c HIDING COMMAND ...`: the program without the packages that `make up` does not install.
HIDING = """
import importlib.abc, sys
class Hidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "scipy", "sklearn", "matplotlib", "onnx"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())
from cxr_alert.program import main
sys.exit(main())
"""


@given(number=st.sampled_from(sorted(errno.errorcode)), path=st.text(min_size=1))
def test_each_error_of_the_system_is_one_line(number: int, path: str) -> None:
    sentence = sentence_of(OSError(number, os.strerror(number), path))
    assert sentence is not None
    assert sentence.isprintable()
    assert os.strerror(number) in sentence


def test_a_full_disk_is_reported_with_the_remedy() -> None:
    with pytest.raises(OSError, match="No space") as full, Path("/dev/full").open("wb", 0) as file:
        file.write(b"film")
    assert sentence_of(full.value) == (
        "No space left on device; free some space there, or choose another place for the result."
    )


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as missing:
        (tmp_path / "none").read_bytes()
    assert sentence_of(missing.value) == (
        f"{tmp_path}/none: No such file or directory; check the path."
    )


def test_text_in_another_encoding_is_one_sentence() -> None:
    with pytest.raises(UnicodeEncodeError) as unwritten:
        "M\udcfcller.jpeg".encode()
    assert sentence_of(unwritten.value) == (
        r"The text 'M\udcfcller.jpeg' can't be written as utf-8: rename that file or folder."
    )
    with pytest.raises(UnicodeDecodeError) as unread:
        b"M\xfcller".decode()
    assert "byte 2" in (sentence_of(unread.value) or "")


def test_programming_errors_keep_their_traceback() -> None:
    ours = ImportError("no", name="training.dataset.nothing")
    of_a_package = ImportError("cannot import name 'x' from 'json'", name="json")
    assert [sentence_of(each) for each in (ours, of_a_package, ValueError("x"))] == [None] * 3


@pytest.mark.parametrize("command", ["prepare", "evaluate", "train"])
def test_a_missing_package_is_reported_with_the_command_that_installs_it(
    command: str, tmp_path: Path
) -> None:
    arguments = [command, "--data", "samples", "--out", str(tmp_path / "out")]
    result = subprocess.run(
        [sys.executable, "-c", HIDING, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 1
    (sentence,) = result.stderr.splitlines()
    assert sentence.endswith("which is not installed: `make build/.training` installs it.")


@pytest.mark.parametrize("out", ["/proc/nowhere/out", "/dev/full", "/dev/null/out"])
def test_a_place_that_can_not_be_written_is_found_out_before_the_work(out: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "cxr_alert", "evaluate", "--data", "samples", "--out", out],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 2
    assert out in result.stderr.splitlines()[-1]
    assert "Asking" not in result.stderr


def test_looking_whether_a_place_can_be_written_leaves_nothing(tmp_path: Path) -> None:
    assert folder(str(tmp_path / "a/b")) == tmp_path / "a/b"
    assert list(tmp_path.iterdir()) == []


def test_a_private_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "film"
    path.write_bytes(b"longer than before")
    path.chmod(0o644)
    write_private(path, b"film")
    assert path.read_bytes() == b"film"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_usage_error_is_not_reworded() -> None:
    assert sentence_of(Mistake("one")) is None
