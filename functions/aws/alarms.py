"""The stack's alarms in CloudWatch."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient


@dataclass(frozen=True)
class Alarm:
    name: str
    description: str
    state: str  # OK, ALARM or INSUFFICIENT_DATA
    since: datetime


def alarms(client: "CloudWatchClient", stack_name: str) -> list[Alarm]:
    """Return the alarms of a stack, which all begin with its name."""
    pages = client.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=f"{stack_name}-", AlarmTypes=["MetricAlarm"]
    )
    return [
        Alarm(
            name=each["AlarmName"],
            description=each.get("AlarmDescription", ""),
            state=each["StateValue"],
            since=each["StateUpdatedTimestamp"],
        )
        for page in pages
        for each in page["MetricAlarms"]
    ]
