"""The handler that follows the screening records: each new judgement is a message for `send`.

The table's stream calls it, in the order of the changes of each record. A change that fails is
tried again with all behind it, so a message may be sent twice: what is built of it is the same. A
change that can never be published is tried some times; then the stream sets its place aside.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from aws_lambda_powertools import Logger
from boto3.dynamodb.types import TypeDeserializer

from aws.clients import PublishClients
from aws.queue import Queue
from screening.config import URL, Variable
from screening.record import record_from
from screening.result import judgement_to_tell, written

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_from_dynamodb = TypeDeserializer().deserialize

logger = Logger(service="publish")

Failures: TypeAlias = dict[str, list[dict[str, str]]]
# The context is Lambda's own, or whatever has its members.
Handler: TypeAlias = Callable[[dict[str, Any], Any], Failures]


@dataclass(frozen=True)
class Config:
    results_queue_url: Annotated[str, Variable(URL, "the URL of an SQS queue")]


def make_handler(config: Config, clients: PublishClients) -> Handler:
    """Return the function that the stream calls with the changes of records."""
    queue = Queue(lambda: clients.sqs, config.results_queue_url)

    def handler(event: dict[str, Any], _: "LambdaContext") -> Failures:
        """Return the first change that failed; the stream goes on from there."""
        for change in event["Records"]:
            try:
                _publish(queue, change)
            except Exception as error:  # noqa: BLE001 - what failed is tried again, whatever it was
                # No trace: what others say in theirs may hold the key.
                logger.warning("A judgement was not published", error=type(error).__name__)
                number = change["dynamodb"]["SequenceNumber"]
                return {"batchItemFailures": [{"itemIdentifier": number}]}
        return {"batchItemFailures": []}

    return handler


def _publish(queue: Queue, change: dict[str, Any]) -> None:
    image = change["dynamodb"].get("NewImage")
    if image is None:  # the record ended
        return
    record = record_from({name: _from_dynamodb(value) for name, value in image.items()})
    # The stream has no image from before a change. Of a record with one judgement, that was told
    # of when it was new: what changed is its alert.
    if change["eventName"] == "MODIFY" and not record.earlier:
        return
    told = judgement_to_tell(record)
    if told is not None:
        queue.send([written(told)])
