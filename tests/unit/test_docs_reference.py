"""docs/reference/: complete, of this version of the code, and the same on every machine."""

import re
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from screening.facts import Facts
from screening.judgement import Answer, judge, reject
from screening.record import Claim, attributes, rejudged, screened
from screening.refusals import Code, Rejected
from screening.rendition import Rendered
from screening.upload import Upload
from tests.docs import reference
from tests.docs.check import commands, templates
from tests.docs.valid import valid
from tests.unit.templates import ROOT, read

AT = datetime(2026, 11, 22, 10, 15, 31, tzinfo=UTC)
CUTOFF = Decimal("0.1")
UPLOAD = Upload("a.dcm", "v1", "uploads", "v1", "e1", 100, "2026-11-22T10:15:30.000Z")
CLAIM = Claim("one", "2026-11-22T10:17:31.123Z")


def test_every_command_option_and_parameter_is_there() -> None:
    pages = reference.pages()
    for name, command in commands().items():
        if command.get_default("run") and f"### cxr-alert {name}\n" in pages["commands.md"]:
            section = pages["commands.md"].split(f"### cxr-alert {name}\n")[1].split("\n#")[0]
            for option in command._option_string_actions:
                assert option in ("-h", "--help") or option in section, (name, option)
    headed = set(re.findall(r"^### cxr-alert (\S+)$", pages["commands.md"], re.MULTILINE))
    assert set(commands()) - headed == {"bench", "positives", "rejects", "waiting"}  # former names
    for path in templates():
        section = pages["parameters.md"].split(f"## {path}\n")[1].split("\n## ")[0]
        assert re.findall(r"^\| `(\w+)`", section, re.MULTILINE) == list(read(path).parameters)


def test_every_argument_has_a_meaning() -> None:
    rows = re.findall(r"^\| (`.*`) \| (.*) \|$", reference.pages()["commands.md"], re.MULTILINE)
    assert rows
    assert [argument for argument, meaning in rows if re.match(r"$|\(default", meaning)] == []


def test_every_metric_in_the_code_has_a_meaning_and_no_other_has() -> None:
    assert set(reference.METRICS) == reference.metrics_written()


def test_a_metric_with_a_computed_name_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "ROOT", tmp_path)
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "watch.py").write_text('metrics.add_metric("Seen", 1)\n')
    assert reference.metrics_written() == {"Seen"}
    (tmp_path / "functions" / "drift.py").write_text("metrics.add_metric(\n    name, 1\n)\n")
    with pytest.raises(ValueError, match=r"drift.py: write the name of the metric instead of name"):
        reference.metrics_written()


def test_nothing_of_this_machine_is_in_it() -> None:
    assert not [name for name, text in reference.pages().items() if str(ROOT) in text]


def test_a_stale_page_fails_the_check_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reference, "FOLDER", tmp_path / "reference")
    monkeypatch.setattr(sys, "argv", ["reference"])
    assert reference.main() == 0
    monkeypatch.setattr(sys, "argv", ["reference", "--check"])
    assert (reference.main(), capsys.readouterr().err) == (0, "")
    (tmp_path / "reference" / "commands.md").write_text("# Commands of last year\n")
    assert reference.main() == 1
    assert capsys.readouterr().err == (
        "docs/reference/commands.md is stale; type `make reference`.\n"
    )


def test_the_schema_of_a_record_accepts_every_kind_of_record() -> None:
    facts = Facts("DX", "window", "1.2", "1.3", "1.4", "A1", "AP", "CHEST", "011Y")
    rendered = Upload("b", "v", "u", "v", "e", 1, UPLOAD.uploaded, rendered=Rendered(facts))
    positive = judge(Answer(Decimal("0.93"), "net", "main", "off", "0099"), CUTOFF, AT)
    negative = judge(Answer(Decimal("0.02"), None, None), CUTOFF, AT)
    rejected = reject(Rejected(Code.PDF, "Send the film."), CUTOFF, AT)
    first = screened(rendered, positive, CLAIM)
    for record in (first, screened(UPLOAD, rejected, CLAIM), rejudged(first, negative, alert=True)):
        valid("record", attributes(record))


@pytest.mark.parametrize(
    "change",
    [{"name": "Doe^Jane"}, {"finding": "MAYBE"}, {"probability": None}, {"uploaded": "yesterday"}],
)
def test_the_schema_of_a_record_accepts_nothing_else(change: dict[str, Any]) -> None:
    positive = judge(Answer(Decimal("0.93"), "net", "main"), CUTOFF, AT)
    flat = attributes(screened(UPLOAD, positive, CLAIM)) | change
    with pytest.raises(AssertionError, match="does not describe"):
        valid("record", {name: value for name, value in flat.items() if value is not None})
