"""`cxr-alert audit`: who viewed or reviewed which film, by access log and reviews in moto."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import boto3
import pytest
from moto import mock_aws

from cxr_alert.program import main
from screening.clock import stamp
from screening.film_name import film_name
from tests import stacks
from tests.integration.test_worklist_table import REGION, _tables, record, review_of
from worklist.rules.entry import with_review

GROUP = "/aws/vendedlogs/cxr-alert-worklist-access"
NOW = datetime.now(UTC).replace(microsecond=0)
SEEN, ANSWERED, GONE = "intake/3f2a9c.dcm", "ward-7/film.jpeg", "f" * 32


def line(reader: str, path: str, *, hours: float, status: int = 200, method: str = "GET") -> Any:
    """A line in the format of the template for API Gateway."""
    at = NOW - timedelta(hours=hours)
    message = {
        "time": f"{at:%d/%b/%Y:%H:%M:%S} +0000",
        "request": "JKJaXmPLvHcESHA=",
        "method": method,
        "path": path,
        "status": str(status),
        "reader": reader,
        "milliseconds": "12",
    }
    return {"timestamp": int(at.timestamp() * 1000), "message": json.dumps(message)}


@pytest.fixture
def application(aws_environment: None) -> Iterator[dict[str, str]]:
    with mock_aws():
        entries, reviews = _tables("worklist")
        names = {}
        for key in (SEEN, ANSWERED):
            entries.enlist(record(key, "PNEUMONIA", 0), Decimal(0))
            names[key] = film_name(key, "1")
        entry = entries.find(names[ANSWERED])
        assert entry
        time = stamp(NOW - timedelta(hours=4))
        review = replace(review_of(entry, "PNEUMONIA", "dr.lee"), time=time, month=time[:7])
        reviews.add(review, entries.write(with_review(entry, review)))
        film, other = f"/api/films/{names[ANSWERED]}", f"/api/films/{names[SEEN]}"
        logs: Any = boto3.client("logs", region_name=REGION)
        logs.create_log_group(logGroupName=GROUP)
        logs.create_log_stream(logGroupName=GROUP, logStreamName="one")
        events = [
            line("dr.lee", film, hours=24 * 9),  # before the period
            line("dr.lee", film, hours=6),
            line("dr.lee", f"{film}/image", hours=6, status=206),
            line("dr.lee", f"{film}/image", hours=6, status=206),
            line("dr.lee", film, hours=5),
            line("dr.lee", f"{film}/reviews", hours=4, method="POST"),
            line("dr.okoro", other, hours=3),
            line("dr.okoro", f"{other}/image", hours=3, status=404),
            line("dr.okoro", f"/api/films/{GONE}", hours=2),
            line("-", film, hours=1, status=401),
            line("dr.lee", "/api/list", hours=1, method="POST"),
            {"timestamp": int(NOW.timestamp() * 1000) - 9, "message": '"/api/films/" is no line'},
        ]
        logs.put_log_events(logGroupName=GROUP, logStreamName="one", logEvents=events)
        formation: Any = boto3.client("cloudformation", region_name=REGION)
        outputs = {"UploadsQueueUrl": "x", "UploadsBackfillQueueUrl": "x"}
        stacks.deploy(formation, "cxr-alert", outputs)
        outputs = {
            "WorklistTableName": entries.table,
            "ReviewsTableName": reviews.table,
            "AccessLogGroupName": GROUP,
        }
        stacks.deploy(formation, "cxr-alert-worklist", outputs)
        yield names


def test_it_names_reader_film_time_and_answer(
    application: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    facts = [
        (each["reader"], each["key"], each["looks"], each["image"], each["reading"])
        for each in found
    ]
    assert facts == [
        ("-", ANSWERED, 0, False, None),
        ("dr.lee", ANSWERED, 2, True, "PNEUMONIA"),
        ("dr.okoro", SEEN, 1, False, None),
        ("dr.okoro", None, 1, False, None),  # the film was erased
    ]
    assert found[1]["saw"] == stamp(NOW - timedelta(hours=6))
    assert found[1]["answered"] == stamp(NOW - timedelta(hours=4))
    assert found[3]["film"] == GONE
    assert [each["refused"] for each in found] == [1, 0, 1, 0]


def test_the_table_fits_a_terminal(
    application: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert "2 requests for films were refused" in out
    for word in ("dr.lee", "dr.okoro", "PNEUMONIA", SEEN, ANSWERED):
        assert word in out


def test_a_period_a_reader_and_a_film_can_be_chosen(
    application: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    def films(*options: str) -> list[str | None]:
        assert main(["audit", "--json", *options]) == 0
        return [each["key"] for each in json.loads(capsys.readouterr().out)]

    assert films("--reader", "dr.okoro") == [SEEN, None]
    assert films("--key", SEEN) == [SEEN]
    day = f"{NOW - timedelta(days=9):%Y-%m-%d}"
    assert films("--since", day, "--until", day) == [ANSWERED]
    assert len(films("--days", "30")) == 4
    assert main(["audit", "--since", f"{NOW + timedelta(days=2):%Y-%m-%d}"]) == 2
    assert "--since must be" in capsys.readouterr().err


def test_an_unknown_reader_has_viewed_nothing(
    application: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "--reader", "nobody"]) == 0
    assert capsys.readouterr().out == "Nobody viewed or reviewed a film.\n"
