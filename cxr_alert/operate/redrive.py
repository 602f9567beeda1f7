"""Drive what failed back into the queue that it came from: uploads, films to render, alerts.

By hand and not by SQS's own StartMessageMoveTask: that one takes dead letters of queues only, and
the events that EventBridge could not deliver wait too. A message is deleted after it was sent, so
one that is driven back twice is possible and harmless: the function screens an upload once.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cxr_alert.operate.application import Application
from screening.errors import Failure

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

# Each queue of what failed, and the one that it came from.
SOURCES = {
    "UploadsDeadLetterQueueUrl": "UploadsQueueUrl",
    "UndeliveredEventsQueueUrl": "UploadsQueueUrl",
    "RenditionsDeadLetterQueueUrl": "RenditionsQueueUrl",
    "PeopleDeadLetterQueueUrl": "PeopleQueueUrl",
}
_HIDDEN_SECONDS = 60
_BATCH = 10


def waiting(application: Application, source: str) -> int:
    """Return about how many messages a queue holds."""
    counts = application.sqs.get_queue_attributes(
        QueueUrl=application.outputs[source], AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]
    return int(counts["ApproximateNumberOfMessages"])


def redrive(application: Application, source: str) -> Iterator[int]:
    """Move what the queue holds; yields how many at a time.

    It ends when the queue is empty or every message was received once, so that films which fail
    again do not go round in circles.
    """
    url = application.outputs[source]
    seen: set[str] = set()
    while found := application.sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=_BATCH,
        VisibilityTimeout=_HIDDEN_SECONDS,
        WaitTimeSeconds=1,
    ).get("Messages"):
        bodies = {message["Body"] for message in found}
        if bodies <= seen:
            return
        seen |= bodies
        _move(application, url, application.outputs[SOURCES[source]], found)
        yield len(found)


def _move(
    application: Application, source: str, target: str, messages: list["MessageTypeDef"]
) -> None:
    sent = application.sqs.send_message_batch(
        QueueUrl=target,
        Entries=[
            {"Id": str(number), "MessageBody": message["Body"]}
            for number, message in enumerate(messages)
        ],
    )
    if moved := [int(each["Id"]) for each in sent.get("Successful", [])]:
        application.sqs.delete_message_batch(
            QueueUrl=source,
            Entries=[
                {"Id": str(number), "ReceiptHandle": messages[number]["ReceiptHandle"]}
                for number in moved
            ],
        )
    if failed := sent.get("Failed"):
        raise Failure(
            f"SQS refused {len(failed)} messages ({failed[0]['Code']}); they stay where they are. "
            "Run the command again in a minute."
        )
