import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from cxr_alert.local import demo, table
from cxr_alert.local.demo import Screening
from screening.errors import Failure

POSITIVE = Screening(
    "a.jpeg", "PNEUMONIA", 0.93, "PNEUMONIA", record_seconds=0.2, alert_seconds=0.3
)
NEGATIVE = Screening("b.jpeg", "NORMAL", 0.01, "NORMAL", record_seconds=0.1)
UNRECORDED = Screening("c.jpeg", "NORMAL")
UNALERTED = Screening("d.jpeg", "PNEUMONIA", 0.9, "PNEUMONIA", record_seconds=0.4)


def test_missing_records_and_alerts_are_shortcomings() -> None:
    assert table.shortcomings([POSITIVE, NEGATIVE]) == []
    assert table.shortcomings([POSITIVE, UNRECORDED, UNALERTED]) == [
        "No record of c.jpeg.",
        "No alert for d.jpeg.",
    ]
    assert table.shortcomings([UNRECORDED] * 5) == [
        "No record of c.jpeg, c.jpeg, c.jpeg and 2 more."
    ]


def test_without_a_terminal_each_film_is_one_plain_line() -> None:
    out = io.StringIO()
    screenings = [POSITIVE, NEGATIVE, UNRECORDED, UNALERTED]

    assert table.follow(screenings, 4, Console(file=out, width=60)) == screenings
    header, *lines, caption = out.getvalue().splitlines()
    assert header.split()[:2] == ["film", "label"]
    assert caption == "record and alert: time from the upload"
    assert [line.split()[0] for line in lines] == ["a.jpeg", "b.jpeg", "c.jpeg", "d.jpeg"]
    assert lines[0].endswith(" 0.20 s  0.30 s")
    assert ["MISSING" in line for line in lines] == [False, False, True, True]


def test_summary_counts_and_takes_medians() -> None:
    text = "\n".join(table.summary([POSITIVE, NEGATIVE, UNRECORDED, UNALERTED], 6.0))

    assert "4 films uploaded one after another in 6.0 s: 3 records, 1 alerts." in text
    assert "1 of 2 films labelled PNEUMONIA" in text
    assert "0 of 2 films labelled NORMAL" in text
    assert "from upload to record 0.20 s, from upload to alert 0.30 s" in text


def test_no_probability_is_shown_as_certain() -> None:
    assert table.percent(0.99961) == "> 99.9 %"
    assert table.percent(0.999) == "99.9 %"


def test_results_are_written_for_programs(tmp_path: Path) -> None:
    path = tmp_path / "build" / "demo.json"
    demo.write_json([POSITIVE, UNALERTED], path)

    assert json.loads(path.read_text()) == [
        {
            "key": "a.jpeg",
            "label": "PNEUMONIA",
            "probability": 0.93,
            "finding": "PNEUMONIA",
            "alerted": True,
            "seconds": 0.3,
        },
        {
            "key": "d.jpeg",
            "label": "PNEUMONIA",
            "probability": 0.9,
            "finding": "PNEUMONIA",
            "alerted": False,
            "seconds": None,
        },
    ]


def test_films_alternate_by_label(tmp_path: Path) -> None:
    for name in ("NORMAL/1.jpeg", "NORMAL/2.jpeg", "PNEUMONIA/3.jpeg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    found = [(film.name, label) for film, label in demo.films(tmp_path)]
    assert found == [("1.jpeg", "NORMAL"), ("3.jpeg", "PNEUMONIA"), ("2.jpeg", "NORMAL")]


def test_a_folder_without_films_is_reported_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="There are no films in"):
        demo.films(tmp_path)


def test_on_a_terminal_of_80_columns_every_cell_is_whole() -> None:
    out = io.StringIO()
    slow = Screening("person1011_bacteria_2942.jpeg", "PNEUMONIA", 0.9995, "PNEUMONIA", 18.75, 21.5)
    unalerted = Screening(slow.key, "PNEUMONIA", 0.9, "PNEUMONIA", record_seconds=10.4)
    table.follow([slow, unalerted], 2, Console(file=out, width=80, force_terminal=True))
    shown = out.getvalue()
    assert "…" not in shown
    assert all(word in shown for word in (slow.key, "> 99.9 %", "18.75 s", "21.50 s", "MISSING"))
