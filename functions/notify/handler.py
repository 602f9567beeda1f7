"""The handler: alerts of single films in, the failed ones out; digests go to people in between.

How the bound of two messages a second is held, whatever comes: the queue starts at most two of
these at a time (`MaximumConcurrency` in template.yaml), and each holds its place for
`digest_seconds`, one at least, after every message that it sends. A message is sent by one call
that is never repeated by the SDK. While a place is held, what arrives gathers for the next digest.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.parameters import SSMProvider
from botocore.exceptions import BotoCoreError, ClientError

from aws.clients import NotifyClients
from aws.queue import NotSent, Queue
from aws.topic import Topic
from aws.worklist_address import WorklistAddress
from notify import observe
from screening.config import SECONDS, STACK, TOPIC, TRIES, URL, Variable
from screening.digest import Alert, digest_message, digests, read_alert
from screening.refusals import TryAgain
from screening.upload import MalformedMessage

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext

# The context is Lambda's own, or whatever has its members.
Handler: TypeAlias = Callable[[dict[str, Any], Any], dict[str, Any]]


@dataclass(frozen=True)
class Config:
    stack_name: Annotated[str, Variable(STACK, "the name of a CloudFormation stack")]
    notifications_topic_arn: Annotated[str, Variable(TOPIC, "the ARN of an SNS topic")]
    people_queue_url: Annotated[str, Variable(URL, "the URL of an SQS queue")]
    people_dead_letter_queue_url: Annotated[str, Variable(URL, "the URL of an SQS queue")]
    digest_seconds: Annotated[int, Variable(r"[1-9]|10", "whole seconds from 1 to 10")]
    retry_seconds: Annotated[int, Variable(SECONDS, "whole seconds from 1 to 900")]
    most_tries: Annotated[int, Variable(TRIES, "the queue's maxReceiveCount")]
    look_up_url: Annotated[str, Variable(URL, "a web address, or empty")] = ""
    worklist_address_parameter: Annotated[
        str, Variable(r"(/[\w.-]+)+", "the name of a parameter in SSM")
    ] = "/cxr-alert/worklist-address"


def make_handler(config: Config, clients: NotifyClients) -> Handler:
    """Return the function that Lambda calls with each batch of messages."""
    topic = Topic(clients.sns, config.notifications_topic_arn)
    queue = Queue(clients.make_sqs, config.people_queue_url)
    dead_letters = Queue(clients.make_sqs, config.people_dead_letter_queue_url)
    worklist = WorklistAddress(
        SSMProvider(boto3_client=clients.ssm), config.worklist_address_parameter
    )
    observe.metrics.set_default_dimensions(stack=config.stack_name)

    @observe.logger.inject_lambda_context
    @observe.metrics.log_metrics
    def handler(event: dict[str, Any], context: "LambdaContext") -> "PartialItemFailureResponse":
        messages = [SQSRecord(record) for record in event["Records"]]
        alerts, failures = _read(messages)
        failures = _give_up(dead_letters, messages, failures)
        for digest in digests(alerts.values()):
            failure = _send(topic, digest, config, worklist.find())
            observe.report_digest(digest, failure)
            if failure:
                told = set(digest)
                failures |= {name: failure for name, alert in alerts.items() if alert in told}

        def settle(record: SQSRecord) -> None:  # powertools asks for this name
            if failure := failures.get(record.message_id):
                observe.report_failure(record, failure)
                raise failure

        processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
        with processor(records=event["Records"], handler=settle):
            processor.process()
        failed = [message for message in messages if message.message_id in failures]
        try:
            queue.postpone(failed, config.retry_seconds, config.most_tries)
        except (ClientError, BotoCoreError) as error:
            # They come back all the same, when the queue's visibility timeout is over.
            observe.report_not_postponed(error)
        return processor.response()

    return handler


def _read(messages: list[SQSRecord]) -> tuple[dict[str, Alert], dict[str, Exception]]:
    """Return the alerts, and what is wrong with other messages, by the message's id."""
    alerts: dict[str, Alert] = {}
    failures: dict[str, Exception] = {}
    for message in messages:
        try:
            alerts[message.message_id] = read_alert(message.body)
        except MalformedMessage as malformed:
            failures[message.message_id] = malformed
    return alerts, failures


def _give_up(
    dead_letters: Queue, messages: list[SQSRecord], failures: dict[str, Exception]
) -> dict[str, Exception]:
    """Set aside what no other try would understand; return what even that failed for."""
    malformed = [message for message in messages if message.message_id in failures]
    if not malformed:
        return {}
    try:
        dead_letters.bury(malformed)
    except (ClientError, BotoCoreError, NotSent):
        return failures
    observe.report_given_up(malformed)
    return {}


def _send(topic: Topic, digest: list[Alert], config: Config, worklist: str) -> TryAgain | None:
    try:
        message = digest_message(digest, config.look_up_url, worklist)
        (failure,) = topic.publish([message])
        return failure
    finally:
        time.sleep(config.digest_seconds)
