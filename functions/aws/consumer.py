"""The loop of every function that a queue invokes: read, work, dead-letter, postpone.

Each message ends in one of four ways. It is done, and SQS deletes it. It failed, and is delivered
again after a wait that grows with its tries. It waits for something, and is delivered again when
that is due. Or another try would not help, and it is moved to the dead-letter queue.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from aws.errors import AWS_ERRORS
from aws.handler import Failures
from aws.observe import Observer
from aws.queue import NotSent, Queue, wait_seconds
from screening.refusals import GivenUp, Later
from screening.upload import MalformedMessage


class Item(Protocol):
    """The subject of a message."""

    @property
    def log_id(self) -> str: ...


_Item = TypeVar("_Item", bound=Item)


@dataclass(frozen=True)
class Consumer:
    queues: Sequence[Queue]  # that invoke the function, each with its own batches
    dead_letters: Queue
    observer: Observer
    first_wait: int
    most_tries: int

    def consume(
        self,
        event: dict[str, Any],
        read: Callable[[str], _Item | None],
        work: Callable[[Sequence[_Item]], Mapping[_Item, BaseException]],
    ) -> Failures:
        """Process a batch and return Lambda's partial batch response.

        `read` returns the item in a message's body, or None if it is not for this function, and
        raises MalformedMessage. `work` gets all items at once, with duplicates,
        and returns those that are not done, each with the reason.
        """
        messages = {each["messageId"]: SQSRecord(each) for each in event["Records"]}
        items: dict[str, _Item] = {}
        failures: dict[str, BaseException] = {}
        for name, message in messages.items():
            try:
                item = read(message.body)
            except MalformedMessage as malformed:
                failures[name] = malformed
                continue
            if item is None:
                self.observer.ignored(message)
            else:
                items[name] = item
        undone = work(list(items.values()))
        failures |= {name: undone[item] for name, item in items.items() if item in undone}

        waits: list[tuple[SQSRecord, int]] = []
        for name, failure in failures.items():
            message = messages[name]
            film = items[name].log_id if name in items else None
            if self._set_aside(message, failure):
                self.observer.given_up(message, film, failure)
                continue
            if isinstance(failure, Later) and film:
                self.observer.waits(message, film, failure)
                waits.append((message, failure.seconds))
            else:
                self.observer.failed(message, film, failure)
                tries = int(message.attributes.approximate_receive_count)
                waits.append((message, wait_seconds(self.first_wait, tries, self.most_tries)))
        try:
            _queue_of(event, self.queues).postpone(waits)
        except AWS_ERRORS as error:
            # The messages are delivered again anyway when the queue's visibility timeout is over.
            self.observer.not_postponed(error)
        return {
            "batchItemFailures": [{"itemIdentifier": message.message_id} for message, _ in waits]
        }

    def _set_aside(self, message: SQSRecord, failure: BaseException) -> bool:
        """Return whether the message was moved to the dead-letter queue; if not, it is retried."""
        if isinstance(failure, GivenUp):
            body = failure.body
        elif isinstance(failure, MalformedMessage):
            body = message.body
        else:
            return False
        try:
            self.dead_letters.send([body])
        except (*AWS_ERRORS, NotSent):
            return False
        return True


def _queue_of(event: dict[str, Any], queues: Sequence[Queue]) -> Queue:
    """Return the queue that a batch came from; the first one if the batch names none of them."""
    name = str(event["Records"][0].get("eventSourceARN", "")).rpartition(":")[2]
    return next((each for each in queues if each.url.rpartition("/")[2] == name), queues[0])
