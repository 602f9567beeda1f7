"""The subscriptions of a topic in SNS."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

# SNS returns these in place of an ARN before the mail is confirmed and after unsubscribing.
_UNCONFIRMED = {"PendingConfirmation"}
_GONE = {"Deleted"}


@dataclass(frozen=True)
class Subscriptions:
    """The numbers of confirmed and of unconfirmed subscriptions of a topic."""

    confirmed: int
    unconfirmed: int


def subscriptions(client: "SNSClient", topic_arn: str) -> Subscriptions:
    pages = client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
    arns = [each["SubscriptionArn"] for page in pages for each in page["Subscriptions"]]
    unconfirmed = sum(arn in _UNCONFIRMED for arn in arns)
    gone = sum(arn in _GONE for arn in arns)
    return Subscriptions(len(arns) - unconfirmed - gone, unconfirmed)
