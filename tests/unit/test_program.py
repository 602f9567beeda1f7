"""`cxr-alert` as it is typed: what every command has in common."""

import subprocess
import sys
from collections.abc import Sequence

import pytest

from cxr_alert.program import main

# Seconds to load, each of them: a command's help must not wait for them.
HEAVY = ("boto3", "numpy", "openvino", "rich", "torch")


def typed(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cxr_alert", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_options_are_known_without_what_the_commands_work_with() -> None:
    code = (
        "import sys\n"
        "from cxr_alert.program import parser\n"
        "parser()\n"
        f"print([name for name in {HEAVY} if name in sys.modules])\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["predict", "--model", "missing.onnx", "film.jpeg"], "The network missing.onnx can't be"),
        (["prepare", "--data", "missing", "--out", "out", "--dry-run"], "--dry-run goes with"),
        (["train", "--data", "missing"], "--out is missing"),
        (["deploy", "--model", "n.onnx", "--capture", "s3://b/c"], "Films are patients' data"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(arguments: list[str], sentence: str) -> None:
    result = typed(arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(sentence)
    assert result.stderr.count("\n") == 1


def test_a_shell_can_complete_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    assert "look-up" in script
    assert "--sensitivity" in script
