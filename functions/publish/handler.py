"""The handler of `publish`: puts each new judgement on the results queue, for `send`.

The table's stream calls it, in the order of the changes of each record. A failed change is retried
together with those after it, so a message may be sent twice; both lead to the same result. A change
that always fails is retried some times; then the stream sets its position aside.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

from aws_lambda_powertools import Logger

from aws.clients import PublishClients
from aws.handler import Failures, Handler
from aws.queue import Queue
from aws.stream import follow_changes, plain
from aws.worklist import OptionalParameters, WorklistParameters
from screening.config import PARAMETER, URL, Variable
from screening.judgement import Finding
from screening.record import record_from
from screening.result import result_request, written

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger(service="publish")


@dataclass(frozen=True)
class Config:
    results_queue_url: Annotated[str, Variable(URL, "the URL of an SQS queue")]
    worklist_parameters: Annotated[
        str, Variable(PARAMETER, "the prefix of the names of parameters in SSM")
    ]


def make_handler(config: Config, clients: PublishClients) -> Handler[Failures]:
    """Return the Lambda handler for the changes of records in the stream."""
    queue = Queue(lambda: clients.sqs, config.results_queue_url)
    worklist = WorklistParameters(
        OptionalParameters(boto3_client=clients.ssm), config.worklist_parameters
    )

    def handler(event: dict[str, Any], _: "LambdaContext") -> Failures:
        """Return the first change that failed; the stream resumes there."""
        return follow_changes(
            event,
            lambda change: _publish(queue, worklist, change),
            logger,
            "A judgement was not published",
        )

    return handler


def _publish(queue: Queue, worklist: WorklistParameters, change: dict[str, Any]) -> None:
    image = change["dynamodb"].get("NewImage")
    if image is None:  # the record was removed
        return
    record = record_from(plain(image))
    # The stream has no image from before a change. If a record with one judgement changes, only its
    # alert has changed: the judgement was published when it was new.
    if change["eventName"] == "MODIFY" and not record.earlier:
        return
    request = result_request(record)
    if request is None:
        return
    if record.judgement.finding is Finding.PNEUMONIA:
        request = replace(request, precision=worklist.precision(record.judgement.model))
    queue.send([written(request)])
