"""What the installation knows of the repository is what the repository has."""

import re
from pathlib import Path

import pytest

from benchmarks import bill
from cxr_alert.deployment.sam import RUNTIMES, python_runtime
from cxr_alert.installation import image
from cxr_alert.installation.costs import standing
from cxr_alert.installation.kept import KEPT
from screening.errors import Mistake
from tests.unit.templates import ROOT, metrics_of, read
from training.sagemaker.prices import read_prices

TEMPLATES = (
    "template.yaml",
    "functions/worklist/template.yaml",
    "functions/publish/template.yaml",
    "functions/drift/template.yaml",
)


def test_the_kept_resources_are_those_that_the_templates_retain() -> None:
    retained = {
        name
        for path in TEMPLATES
        for name, resource in read(path).resources.items()
        if resource.get("DeletionPolicy", "").startswith("Retain")
    }
    assert retained == KEPT.keys()


def test_the_pythons_that_are_looked_for_are_the_ones_that_all_templates_allow() -> None:
    for path in TEMPLATES[:2]:
        parameter = read(path).parameters["PythonRuntime"]
        assert set(RUNTIMES) <= set(parameter["AllowedValues"])
        assert parameter["Default"] == RUNTIMES[0]


def test_a_python_that_does_not_run_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Mistake, match="needs one of python3"):
        python_runtime()
    for name, status in (("python3.13", 127), ("python3.12", 0), ("python3.14", 0)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {status}\n")
        (tmp_path / name).chmod(0o755)
    assert python_runtime() == "python3.12"
    assert python_runtime("python3.14") == "python3.14", "the one that the stack has"


def test_the_images_tag_and_archive_hold_all_that_the_dockerfile_copies() -> None:
    dockerfile = (ROOT / "serving" / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (\S+) ", dockerfile, re.MULTILINE)
    assert copied
    for source in copied:
        assert source.rstrip("/") in image.SOURCES


def test_a_changed_file_is_another_image(tmp_path: Path) -> None:
    for source in image.SOURCES:
        place = tmp_path / source
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("as it was")
    before = image.tag(tmp_path)
    assert image.tag(tmp_path) == before
    (tmp_path / image.SOURCES[0]).write_text("changed")
    assert image.tag(tmp_path) != before


def test_the_stated_fixed_costs_are_those_of_the_bill() -> None:

    nothing = bill.Case(films=0, months=0)
    billed = sum(line.dollars(nothing) for line in bill.lines(read_prices()))
    assert abs(standing() - billed) < 1


def test_the_drift_stack_is_paid_for_alarm_by_alarm_and_metric_by_metric() -> None:
    template = read("functions/drift/template.yaml")
    alarms = [template.properties(name) for name in template.of_type("AWS::CloudWatch::Alarm")]
    prices = read_prices()["drift"]
    assert sum(max(1, len(metrics_of(alarm))) for alarm in alarms) == prices["alarm_metrics"]
    schedules = [
        event["Properties"]["Schedule"]
        for name in template.of_type("AWS::Serverless::Function")
        for event in template.properties(name)["Events"].values()
    ]
    assert len(schedules[0].split()[1].split(",")) == prices["hours_a_day"]
