"""Redrive dead letters to their source queue: uploads, films to render, alerts, results.

SQS's StartMessageMoveTask accepts only dead-letter queues of other queues, and the events that
EventBridge could not deliver must be redriven too. A message is deleted after it was sent, so it
may be sent twice; that is harmless, since the function screens an upload once. A message that no
function can read stays, so that an operator can look at it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxr_alert.operate.application import Application
from screening.digest import read_alert
from screening.errors import Failure
from screening.result import read_result_request
from screening.upload import MalformedMessage, read_upload

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

# Each dead-letter queue, and its source queue.
SOURCES = {
    "UploadsDeadLetterQueueUrl": "UploadsQueueUrl",
    "UndeliveredEventsQueueUrl": "UploadsQueueUrl",
    "RenditionsDeadLetterQueueUrl": "RenditionsQueueUrl",
    "PeopleDeadLetterQueueUrl": "PeopleQueueUrl",
}
# Films of a backfill return to queues of their own.
_BACKFILLS = {
    "UploadsQueueUrl": "UploadsBackfillQueueUrl",
    "RenditionsQueueUrl": "RenditionsBackfillQueueUrl",
}
# The queue of the results' stack, if it is deployed.
RESULTS = {"ResultsDeadLetterQueueUrl": "ResultsQueueUrl"}
_TARGETS = {**SOURCES, **RESULTS}
_READERS: dict[str, Callable[[str], object]] = {
    "UploadsQueueUrl": read_upload,
    "RenditionsQueueUrl": read_upload,
    "PeopleQueueUrl": read_alert,
    "ResultsQueueUrl": read_result_request,
}
_HIDDEN_SECONDS = 60
_BATCH = 10


def waiting(application: Application, source: str) -> int:
    """Return about how many messages a queue holds."""
    counts = application.sqs.get_queue_attributes(
        QueueUrl=application.outputs[source], AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]
    return int(counts["ApproximateNumberOfMessages"])


@dataclass(frozen=True)
class Redriven:
    """The numbers of moved messages, and of those left because no function can read them."""

    moved: int = 0
    left: int = 0

    def __add__(self, other: "Redriven") -> "Redriven":
        return Redriven(self.moved + other.moved, self.left + other.left)


def redrive(application: Application, source: str) -> Iterator[Redriven]:
    """Move the queue's messages; yield the number moved with each batch.

    It ends when the queue is empty or every message was received once, so that films that fail
    again do not circulate.
    """
    url, target = application.outputs[source], _TARGETS[source]
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
        understood = [each for each in found if _understood(each["Body"], _READERS[target])]
        for goal in (target, _BACKFILLS.get(target)):
            if goal and (its := [each for each in understood if _goal(each, target) == goal]):
                _move(application, url, application.outputs[goal], its)
        left = [each for each in found if each not in understood and each["Body"] not in seen]
        yield Redriven(len(understood), len(left))
        seen |= bodies


def _goal(message: "MessageTypeDef", target: str) -> str:
    """Return the queue to which a message returns."""
    if target not in _BACKFILLS:
        return target
    upload = read_upload(message["Body"])
    return _BACKFILLS[target] if upload and upload.is_backfill else target


def _understood(body: str, read: Callable[[str], object]) -> bool:
    try:
        return read(body) is not None
    except MalformedMessage:
        return False


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
