"""The alert e-mail: what the topic's e-mail subscription would bring to its address."""

from local.stack import Stack
from local.watch import Alert

# Only an address in a reserved domain may stand in the demo: nobody can own it.
ADDRESS = "radiology@example.org"

# The emulator takes e-mail subscriptions but sends no e-mail.
HONESTY = (
    "No e-mail left this machine: this is the message as the topic delivered it to a subscriber "
    "with the e-mail subscription's filter policy. SNS adds a link to unsubscribe."
)

_SENDER = "AWS Notifications <no-reply@sns.amazonaws.com>"


def filter_policy(stack: Stack) -> str:
    """The filter policy that the deployed template gave its e-mail subscription, as JSON."""
    topic = stack.outputs["AlertsTopicArn"]
    known = stack.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    (arn,) = [each["SubscriptionArn"] for each in known if each["Endpoint"] == ADDRESS]
    attributes = stack.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    return attributes["FilterPolicy"]


def as_email(alert: Alert) -> str:
    """An alert laid out as SNS mails it; SNS adds a footer with its unsubscribe link."""
    return f"From: {_SENDER}\nTo: {ADDRESS}\nSubject: {alert.subject}\n\n{alert.message}"
