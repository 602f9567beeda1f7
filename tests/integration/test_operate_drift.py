"""`cxr-alert drift`: its output against moto."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from aws.drift_table import DriftTable
from cxr_alert.program import main
from tests.integration.classify_cloud import REGION

DAY = {
    "films": 10,
    "positive": 0.2,
    "refused": 0.0,
    "distance": None,
    "confirmed": 4,
    "reviewed": 5,
}
SHOWN = {
    "through": "2026-11-22",
    "network": "net-1",
    "cutoff": "0.1",
    "since": "2026-11-21",
    "referenceFilms": 20,
    "distanceLimit": 0.18,
    "signals": [{"name": "films:ct", "said": "0 films from ct.", "films": ["ward/\x1b[2Ja.dcm"]}],
    "days": [
        {"day": "2026-11-21", "signals": [], **DAY},
        {"day": "2026-11-22", "signals": ["films"], **DAY},
    ],
}


@pytest.fixture
def dynamodb(aws_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_REGION", REGION)
    with mock_aws():
        outputs = {
            name: {"Value": "https://queue"}
            for name in ("UploadsQueueUrl", "UploadsBackfillQueueUrl")
        }
        boto3.client("cloudformation").create_stack(
            StackName="cxr-alert", TemplateBody=json.dumps({"Resources": {}, "Outputs": outputs})
        )
        yield boto3.client("dynamodb")


@pytest.fixture
def table(dynamodb: Any) -> DriftTable:
    dynamodb.create_table(
        TableName="cxr-alert-drift",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
    )
    found = DriftTable(dynamodb, "cxr-alert-drift")
    found.write(None, "{}", json.dumps(SHOWN), "2026-11-22")
    return found


def test_it_shows_history_weeks_and_films(
    table: DriftTable, capsys: pytest.CaptureFixture[str]
) -> None:
    assert table.read()
    assert main(["drift"]) == 0
    out = capsys.readouterr().out
    assert "reference       20 of 500 films, from 2026-11-21\n" in out
    assert "signals   .!\n" in out
    assert "2026-W47  readers confirmed 8 of 10 positives: 80 % (49 to 94 %)\n" in out
    assert "Look: 0 films from ct.\n" in out
    assert "\x1b" not in out
    assert main(["drift", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["weeks"][0]["reviewed"] == 10


@pytest.mark.parametrize("arguments", [["drift"], ["drift", "--new-reference"]])
def test_without_the_stack_one_sentence_says_what_to_do(
    dynamodb: Any, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert dynamodb
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("No film of cxr-alert was compared yet. Deploy drift")


def test_a_new_reference_is_asked_for(table: DriftTable) -> None:
    assert main(["drift", "--new-reference"]) == 0
    kept = table.read()
    assert kept
    assert kept.asked.startswith("20")
