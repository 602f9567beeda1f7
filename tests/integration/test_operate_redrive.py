"""Redriving dead letters: readable messages move, all others stay."""

import json
from typing import Any

import boto3
import pytest

from cxr_alert.operate.application import Application
from cxr_alert.operate.redrive import Redriven, redrive
from cxr_alert.program import main
from screening.upload import event_of, read_upload
from tests.integration.classify_cloud import REGION, Cloud


def test_messages_move_and_those_that_nobody_understands_stay(cloud: Cloud) -> None:
    sqs = cloud.sqs
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    upload = read_upload(cloud.drop("ward-7/a.jpeg")["body"])
    assert upload
    for number in range(12):
        sqs.send_message(QueueUrl=dead, MessageBody=json.dumps(event_of(upload) | {"n": number}))
    for body in ("no JSON", '{"source": "somebody"}'):
        sqs.send_message(QueueUrl=dead, MessageBody=body)
    before = _waiting(cloud, cloud.queue)

    outputs = {"UploadsDeadLetterQueueUrl": dead, "UploadsQueueUrl": cloud.queue}
    moved = list(redrive(Application(outputs), "UploadsDeadLetterQueueUrl"))

    assert sum(moved, Redriven()) == Redriven(moved=12, left=2)
    assert _waiting(cloud, cloud.queue) - before == 12
    assert _waiting(cloud, dead) == 2


def test_films_of_a_backfill_go_back_to_the_queue_of_their_own(cloud: Cloud) -> None:
    for key in ("film.jpeg", "backfill/old.jpeg"):
        body = cloud.drop(key)["body"]
        cloud.sqs.send_message(QueueUrl=cloud.dead_letters, MessageBody=body)
    outputs = {
        "UploadsDeadLetterQueueUrl": cloud.dead_letters,
        "UploadsQueueUrl": cloud.queue,
        "UploadsBackfillQueueUrl": cloud.backfill_queue,
    }
    moved = list(redrive(Application(outputs), "UploadsDeadLetterQueueUrl"))
    assert sum(moved, Redriven()) == Redriven(moved=2)
    for queue, key in ((cloud.queue, "film.jpeg"), (cloud.backfill_queue, "backfill/old.jpeg")):
        message = cloud.receive(queue)
        assert message
        upload = read_upload(message["body"])
        assert upload
        assert upload.key == key


def test_a_stack_of_an_earlier_version_is_to_be_deployed_again(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    template = {
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {"UploadsQueueUrl": {"Value": {"Ref": "Queue"}}},
    }
    client: Any = boto3.client("cloudformation", region_name=REGION)
    client.create_stack(StackName="cxr-alert", TemplateBody=json.dumps(template))
    assert main(["redrive"]) == 2
    assert "of an earlier version than this program. Deploy it again" in capsys.readouterr().err


def _waiting(cloud: Cloud, queue: str) -> int:
    counts = cloud.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    return int(counts["ApproximateNumberOfMessages"]) + int(
        counts["ApproximateNumberOfMessagesNotVisible"]
    )
