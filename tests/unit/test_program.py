"""`cxr-alert` as typed: the common behaviour of all commands."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from cxr_alert.program import main

COMMANDS = Path(__file__).parents[2] / "cxr_alert" / "commands"
NAMES = sorted(
    path.stem.replace("_", "-")
    for path in COMMANDS.glob("*.py")
    if path.stem not in ("__init__", "aliases")
)
# Seconds to load, each of them: a command's help must not wait for them.
HEAVY = ("boto3", "highdicom", "numpy", "openvino", "rich", "torch")


def typed(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cxr_alert", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_options_are_known_without_the_packages_of_the_commands() -> None:
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
        (
            ["train", "--data", "missing", "--out", "out", "--dry-run"],
            "--algorithm builtin, --detach",
        ),
        (["train", "--data", "missing"], "--out is missing"),
        (["deploy", "--model", "n.onnx", "--capture", "s3://b/c"], "Films are patients' data"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(arguments: list[str], sentence: str) -> None:
    result = typed(arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(sentence)
    assert result.stderr.count("\n") == 1


def test_help_lists_every_command_once_and_in_groups() -> None:
    out = typed(["--help"]).stdout
    assert [line for line in out.splitlines() if line.endswith(":")] == [
        "run it here:",
        "operate:",
        "worklist:",
        "data and training:",
        "evaluation:",
    ]
    listed = re.findall(r"^  (\S+)  +\S", out, re.MULTILINE)
    assert sorted(listed) == NAMES
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("command", NAMES)
def test_the_help_of_each_command_fits_a_terminal(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main([command, "--help"])
    usage, _, rest = capsys.readouterr().out.partition("\n\n")
    assert usage.startswith(f"usage: cxr-alert {command}")
    assert max(map(len, rest.splitlines())) <= 80


def test_missing_aws_settings_are_reported_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    result = typed(["status"])
    assert (result.returncode, result.stderr) == (
        2,
        "No AWS region is set. Set AWS_PROFILE and AWS_REGION; for the local application, type "
        "`. build/local/aws.env`.\n",
    )
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    result = typed(["status"])
    assert (result.returncode, result.stderr.partition(".")[0]) == (
        2,
        "There are no AWS credentials",
    )
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    result = typed(["status"])
    assert (result.returncode, result.stderr.partition(".")[0]) == (
        1,
        "The local application does not answer",
    )


def test_a_shell_can_complete_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    assert "look-up" in script
    assert "waiting" not in script, "former names are not offered"
    assert "--sensitivity" in script
