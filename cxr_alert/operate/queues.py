"""The depth of each queue, and the age of its oldest message."""

from dataclasses import dataclass
from datetime import timedelta

from cxr_alert.operate.application import Application
from cxr_alert.output import say
from screening.clock import now

QUEUES = {
    "UploadsQueueUrl": "films to screen",
    "UploadsBackfillQueueUrl": "films of a backfill to screen",
    "UploadsDeadLetterQueueUrl": "films not screened (dead letters)",
    "UndeliveredEventsQueueUrl": "uploads not delivered by EventBridge",
    "RenditionsQueueUrl": "films to render",
    "RenditionsBackfillQueueUrl": "films of a backfill to render",
    "RenditionsDeadLetterQueueUrl": "films not rendered (dead letters)",
    "PeopleQueueUrl": "alerts to send to people",
    "PeopleDeadLetterQueueUrl": "alerts not sent to people (dead letters)",
}
# Queues of the results' stack, if it is deployed.
RESULTS = {
    "ResultsQueueUrl": "results to deliver",
    "ResultsDeadLetterQueueUrl": "results not delivered (dead letters)",
}
_RECENT = timedelta(minutes=15)


@dataclass(frozen=True)
class QueueDepth:
    """The approximate number of messages; the oldest one's age in seconds, if CloudWatch has it."""

    what: str
    ready: int
    being_tried: int  # being processed, or failed and waiting for the next try
    delayed: int
    oldest_seconds: int | None

    @property
    def total(self) -> int:
        return self.ready + self.being_tried + self.delayed


def depths(application: Application) -> list[QueueDepth]:
    found = []
    for output, what in (QUEUES | RESULTS).items():
        if output not in application.outputs and output in RESULTS:
            continue
        depth = application.queue(output).depth()
        age = _oldest(application, output) if depth.total else None
        found.append(QueueDepth(what, depth.ready, depth.being_tried, depth.delayed, age))
    return found


def _oldest(application: Application, output: str) -> int | None:
    """Return the age from CloudWatch, some minutes late; SQS itself does not report it."""
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


def show(found: list[QueueDepth]) -> None:
    say(f"{'waiting':>8} {'being tried':>12} {'delayed':>8} {'oldest':>9}")
    for each in found:
        age = "-" if each.oldest_seconds is None else f"{each.oldest_seconds} s"
        counts = f"{each.ready:>8} {each.being_tried:>12} {each.delayed:>8} {age:>9}"
        say(f"{counts}  {each.what}")
