"""Who is subscribed to a topic in SNS."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

# What SNS says in place of an ARN until the mail is confirmed, and after it was unsubscribed.
_UNCONFIRMED = {"PendingConfirmation"}
_GONE = {"Deleted"}


@dataclass(frozen=True)
class Subscriptions:
    """How many get a topic's messages, and how many never confirmed that they want them."""

    confirmed: int
    unconfirmed: int


def subscriptions(client: "SNSClient", topic_arn: str) -> Subscriptions:
    pages = client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
    arns = [each["SubscriptionArn"] for page in pages for each in page["Subscriptions"]]
    unconfirmed = sum(arn in _UNCONFIRMED for arn in arns)
    gone = sum(arn in _GONE for arn in arns)
    return Subscriptions(len(arns) - unconfirmed - gone, unconfirmed)
