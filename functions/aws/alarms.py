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
    actions: tuple[str, ...] = ()  # ARNs that are told of it


def alarms(client: Any, stack_name: str) -> list[Alarm]:  # noqa: ANN401
    """Return the alarms whose names begin with the stack's.

    Those of a stack whose name is longer begin so too; their `actions` are that stack's own.
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
