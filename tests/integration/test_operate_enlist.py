"""`cxr-alert enlist` against moto: each record's entry, several concurrently."""

import threading
from typing import Any

import boto3
import pytest
from moto import mock_aws

from aws.screenings_table import Screenings
from cxr_alert.operate import worklist
from cxr_alert.operate.application import Application
from tests.integration.test_worklist_table import REGION, create_worklist_table, record

FILMS = 20
AT_ONCE = 4  # written at the same moment, at least


def test_records_are_entered_several_at_once(
    aws_environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by one, ten million took over two days."""
    monkeypatch.setattr(worklist, "_settings", lambda *_: {"SAMPLE_SHARE": "0"})
    meeting = threading.Barrier(AT_ONCE)
    with mock_aws():
        client: Any = boto3.client("dynamodb", region_name=REGION)
        create_worklist_table(client, "worklist")
        _create_screenings(client)
        queue = boto3.client("sqs", region_name=REGION).create_queue(QueueName="not-enlisted")
        application = Application(
            {
                "NotEnlistedQueueUrl": queue["QueueUrl"],
                "ScreeningsTableName": "screenings",
                "WorklistTableName": "worklist",
            }
        )
        screenings = Screenings(client, "screenings")
        for number in range(FILMS):
            screenings.add(record(f"{number}.jpeg", "NORMAL", number))

        def wait_for_the_others(**_: Any) -> None:
            meeting.wait(timeout=10)  # broken where only one is written at a time

        application.dynamodb.meta.events.register(
            "before-call.dynamodb.PutItem", wait_for_the_others
        )
        entered = list(worklist.enlist_all(application))
        assert sorted(entered) == sorted(f"{number}.jpeg" for number in range(FILMS))
        assert client.scan(TableName="worklist", Select="COUNT")["Count"] == FILMS


def _create_screenings(client: Any) -> None:
    names = {"key": "HASH", "version": "RANGE"}
    client.create_table(
        TableName="screenings",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in names],
        KeySchema=[{"AttributeName": each, "KeyType": kind} for each, kind in names.items()],
    )
