"""Observe a stack from outside: its records, and its alerts as a subscriber gets them."""

import contextlib
import dataclasses
import json
from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError

from aws.screenings_table import Screenings
from cxr_alert.local.stack import Stack


@dataclasses.dataclass(frozen=True)
class PrintedAlert:
    """One message of the alerts topic, as a subscriber receives it."""

    subject: str
    message: str
    attributes: dict[str, str]


ALERTS, FOR_PEOPLE = "AlertsTopicArn", "NotificationsTopicArn"  # outputs with the topics


def subscribe(stack: Stack, queue_name: str, filter_policy: str, topic: str = ALERTS) -> str:
    """Create a queue that is subscribed to a topic; return its URL.

    A second call returns the same queue.
    """
    topic_arn = stack.outputs[topic]
    url = stack.sqs.create_queue(QueueName=queue_name)["QueueUrl"]
    known = stack.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = known["Attributes"]["QueueArn"]
    allow_topic = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
        },
    }
    stack.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(allow_topic)})
    stack.sns.subscribe(
        TopicArn=topic_arn, Protocol="sqs", Endpoint=arn, Attributes={"FilterPolicy": filter_policy}
    )
    return url


@contextlib.contextmanager
def subscribed(
    stack: Stack, queue_name: str, filter_policy: str, topic: str = ALERTS
) -> Iterator[str]:
    """Subscribe for the length of the block."""
    url = subscribe(stack, queue_name, filter_policy, topic)
    try:
        yield url
    finally:
        with contextlib.suppress(ClientError, BotoCoreError):  # the application may have stopped
            _unsubscribe(stack, queue_name, url, topic)


def _unsubscribe(stack: Stack, queue_name: str, url: str, topic: str) -> None:
    found = stack.sns.list_subscriptions_by_topic(TopicArn=stack.outputs[topic])
    for known in found["Subscriptions"]:
        if known["Endpoint"].endswith(f":{queue_name}"):
            stack.sns.unsubscribe(SubscriptionArn=known["SubscriptionArn"])
    stack.sqs.delete_queue(QueueUrl=url)


def receive(stack: Stack, queue_url: str, wait: int = 0) -> list[PrintedAlert]:
    """Receive the messages that have arrived.

    If there are none, wait up to `wait` seconds (at most 20).
    """
    answer = stack.sqs.receive_message(
        QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=wait
    )
    arrived = answer.get("Messages", [])
    for message in arrived:
        stack.sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    return [_alert(message["Body"]) for message in arrived]


def _alert(body: str) -> PrintedAlert:
    notification = json.loads(body)
    attributes = notification.get("MessageAttributes", {})
    return PrintedAlert(
        subject=notification.get("Subject", ""),
        message=notification["Message"],
        attributes={name: value["Value"] for name, value in attributes.items()},
    )


def screenings(stack: Stack) -> Screenings:
    """Return the screening records."""
    return Screenings(stack.dynamodb, stack.outputs["ScreeningsTableName"])
