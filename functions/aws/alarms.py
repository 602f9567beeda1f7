"""The stack's alarms in CloudWatch."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Alarm:
    name: str
    description: str
    state: str  # OK, ALARM or INSUFFICIENT_DATA
    since: datetime
    actions: tuple[str, ...] = ()  # ARNs that it notifies


def alarms(client: Any, stack_name: str) -> list[Alarm]:  # noqa: ANN401
    """Return the alarms whose names begin with the stack's.

    A stack with a longer name that begins the same is included; its alarms have other `actions`.
    """
    pages = client.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=f"{stack_name}-", AlarmTypes=["MetricAlarm"]
    )
    return [
        Alarm(
            name=each["AlarmName"],
            description=each.get("AlarmDescription", ""),
            state=each["StateValue"],
            since=each["StateUpdatedTimestamp"],
            actions=tuple(each.get("AlarmActions", ())),
        )
        for page in pages
        for each in page["MetricAlarms"]
    ]
