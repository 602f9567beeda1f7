"""What waits in each queue, and for how long."""

from dataclasses import dataclass
from datetime import timedelta

from cxr_alert.operate.application import Application
from screening.clock import now

QUEUES = {
    "UploadsQueueUrl": "films to be screened",
    "UploadsDeadLetterQueueUrl": "films given up",
    "UndeliveredEventsQueueUrl": "uploads that EventBridge could not deliver",
    "RenditionsQueueUrl": "films to be rendered",
    "RenditionsDeadLetterQueueUrl": "films that could not be rendered",
    "PeopleQueueUrl": "alerts that people are yet to be told of",
    "PeopleDeadLetterQueueUrl": "alerts that people could not be told of",
}
_RECENT = timedelta(minutes=15)


@dataclass(frozen=True)
class QueueDepth:
    """About how many messages; the oldest's age in seconds where CloudWatch knows it."""

    what: str
    ready: int
    being_tried: int  # in work, or failed and waiting for the next try
    delayed: int
    oldest_seconds: int | None


def waiting(application: Application) -> list[QueueDepth]:
    found = []
    for output, what in QUEUES.items():
        depth = application.queue(output).depth()
        age = _oldest(application, output) if depth.total else None
        found.append(QueueDepth(what, depth.ready, depth.being_tried, depth.delayed, age))
    return found


def _oldest(application: Application, output: str) -> int | None:
    """SQS itself does not say; CloudWatch does, some minutes late."""
    name = application.outputs[output].rpartition("/")[2]
    points = application.cloudwatch.get_metric_statistics(
        Namespace="AWS/SQS",
        MetricName="ApproximateAgeOfOldestMessage",
        Dimensions=[{"Name": "QueueName", "Value": name}],
        StartTime=now() - _RECENT,
        EndTime=now(),
        Period=60,
        Statistics=["Maximum"],
    )["Datapoints"]
    if not points:
        return None
    return int(max(points, key=lambda point: point["Timestamp"])["Maximum"])
