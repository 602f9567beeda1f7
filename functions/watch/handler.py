"""The handler of `watch`: counts subscribers of the mails, and repeats alarms that are still on.

A CloudWatch alarm notifies only when its state changes, so an overlooked alarm would stay
unnoticed. A subscription that was suspended or never confirmed raises no alarm by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from aws.alarms import Alarm, alarms
from aws.clients import WatchClients
from aws.handler import Handler
from aws.subscriptions import subscriptions
from screening.clock import now, stamp
from screening.config import NAMESPACE, STACK, TOPIC, Variable

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SERVICE = "watch"  # template.yaml's alarms select the metrics by this name
LASTING = timedelta(minutes=50)  # it runs every hour, so each alarm is repeated every hour
NOT_URGENT = "-drift"  # suffix of the name of an alarm that lasts for days

logger = Logger(service=SERVICE)
metrics = Metrics(namespace=NAMESPACE, service=SERVICE)


@dataclass(frozen=True)
class Config:
    stack_name: Annotated[str, Variable(STACK, "the name of a CloudFormation stack")]
    notifications_topic_arn: Annotated[str, Variable(TOPIC, "the ARN of an SNS topic")]
    operations_topic_arn: Annotated[str, Variable(TOPIC, "the ARN of an SNS topic")]


def make_handler(config: Config, clients: WatchClients) -> Handler[None]:
    """Return the Lambda handler for the schedule."""
    metrics.set_default_dimensions(stack=config.stack_name)

    @logger.inject_lambda_context
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: "LambdaContext") -> None:
        people = subscriptions(clients.sns, config.notifications_topic_arn)
        logger.info("Subscriptions for people", **vars(people))
        metrics.add_metric("PeopleSubscribed", MetricUnit.Count, people.confirmed)
        metrics.add_metric("PeopleUnconfirmed", MetricUnit.Count, people.unconfirmed)
        found = alarms(clients.cloudwatch, config.stack_name)
        own = [alarm for alarm in found if config.operations_topic_arn in alarm.actions]
        if lasting := _lasting(own, now()):
            clients.sns.publish(
                TopicArn=config.operations_topic_arn,
                Subject=f"{config.stack_name}: {len(lasting)} alarms still on"[:99],
                Message=_reminder(lasting),
            )
        metrics.add_metric("AlarmsLasting", MetricUnit.Count, len(lasting))

    return handler


def _lasting(found: Sequence[Alarm], at: datetime) -> list[Alarm]:
    return [
        alarm
        for alarm in found
        if alarm.state == "ALARM"
        and at - alarm.since >= LASTING
        and not alarm.name.endswith(NOT_URGENT)
    ]


def _reminder(lasting: Sequence[Alarm]) -> str:
    lines = ["These alarms are still on. docs/runbook.md says what to do about each.", ""]
    for alarm in lasting:
        lines += [f"{alarm.name}, since {stamp(alarm.since)}", f"  {alarm.description}", ""]
    return "\n".join(lines)
