"""`cxr-alert rehearse` against the emulator: assumptions hold, and nothing is left."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from cxr_alert.local import build, emulator
from tests.e2e.application import Application, wait_until
from tests.e2e.test_operate import operate, started

STACK = "cxr-alert-rehearsal"
# The steps that need alarms, metrics or a bill; and the other steps.
NOT_JUDGED = {"dead letters", "waiting messages", "costs"}


def options(application: Application, out: Path) -> list[str]:
    template = build.start(build.APPLICATION, application.stack.settings.state).file
    parameters = [f"PythonRuntime={emulator.python_runtime()}", "MaximumConcurrency=2"]
    return [
        *("rehearse", "--stack", STACK, "--template", str(template), "--out", str(out)),
        *("--parameters", *parameters),
    ]


def left(application: Application) -> list[str]:
    """Return the resources in the emulator under the stack's name."""
    stack = application.stack
    sts: Any = stack.client("iam")
    found = [each["Name"] for each in stack.s3.list_buckets()["Buckets"]]
    found += stack.dynamodb.list_tables()["TableNames"]
    found += stack.sqs.list_queues(QueueNamePrefix=STACK).get("QueueUrls", [])
    found += [each["RoleName"] for each in sts.list_roles()["Roles"]]
    return [name for name in found if STACK in name]


def test_without_yes_it_lists_its_steps_and_does_nothing(
    application: Application, tmp_path: Path
) -> None:
    status, said, _ = operate(application, *options(application, tmp_path))
    assert status == 0
    assert "Nothing was done." in said
    assert left(application) == []
    assert list(tmp_path.iterdir()) == []


def test_a_stack_without_rehearsal_in_its_name_is_refused(application: Application) -> None:
    status, _, said = operate(application, "rehearse", "--yes", "--stack", "cxr-alert")
    assert status == 2
    assert "must be a stack name that contains the word rehearsal" in said


@pytest.mark.timeout(300)
def test_the_assumptions_hold_in_the_emulator_and_nothing_is_left(
    application: Application, tmp_path: Path
) -> None:
    process = started(application, *options(application, tmp_path), "--yes")
    said, wrong = process.communicate(timeout=280)
    report = json.loads((tmp_path / "report.json").read_text())
    verdicts = {each["name"]: each["verdict"] for each in report["outcomes"]}
    assert verdicts == {
        name: "not judged here" if name in NOT_JUDGED else "held" for name in verdicts
    }, report["outcomes"]
    assert set(verdicts) > NOT_JUDGED
    assert process.returncode == 0, said + wrong
    assert report["leftovers"] == []
    assert left(application) == []
    assert "000000000000" not in (tmp_path / "report.md").read_text()


@pytest.mark.timeout(300)
def test_an_interrupted_rehearsal_removes_its_resources(
    application: Application, tmp_path: Path
) -> None:
    process = started(application, *options(application, tmp_path), "--yes")
    journal = tmp_path / "journal.json"
    wait_until(lambda: journal.exists() and "queue" in journal.read_text(), "the queue", 120)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == 130
    assert json.loads(journal.read_text()) == []
    assert left(application) == []
