"""Output of commands on a terminal, with hostile names in it."""

import pytest

from cxr_alert import output

HOSTILE = "\x1b[2J[red]ward[/]\n\u202e\ud800"
SPELT_OUT = r"\x1b[2J[red]ward[/]\n\u202e\ud800"


def test_text_becomes_one_line_of_printable_characters(capsys: pytest.CaptureFixture[str]) -> None:
    output.say(f"no film {HOSTILE}")
    output.facts([("key", HOSTILE)], width=5)
    assert capsys.readouterr().out == f"no film {SPELT_OUT}\nkey  {SPELT_OUT}\n"


def test_names_in_a_table_are_no_markup(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    output.table(["folder", "films"], [[HOSTILE, 3]])
    assert SPELT_OUT in capsys.readouterr().out


def test_a_table_breaks_between_words_to_fit_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    columns = ["", "positives", "read", "precision", "negatives drawn", "read", "sensitivity"]
    interval = "100.0 % (30.5 % to 100.0 %)"
    output.table(columns, [["cxr-resnet18-95495eeb", 1073, 1073, interval, 1927, 82, interval]])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert {"positives", "precision", "negatives", "sensitivity"} <= set(" ".join(lines).split())


def test_sentences_are_wrapped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    output.explain("one two three four five six")
    assert capsys.readouterr().out == "one two three four\nfive six\n"
