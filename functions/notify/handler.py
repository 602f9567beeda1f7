"""The handler of `notify`: takes alerts of films, sends digests, returns the failed messages.

People get at most two messages per second in any case: the queue starts at most two invocations at
a time (`MaximumConcurrency` in template.yaml), and each waits for `digest_seconds`, at least one
second, after every message that it sends. Each message is sent by one call that the SDK never
repeats. Alerts that arrive during the wait are collected for the next digest.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from aws.clients import NotifyClients
from aws.consumer import Consumer
from aws.handler import Failures, Handler
from aws.observe import Observer
from aws.queue import Queue
from aws.topic import Topic
from aws.worklist import OptionalParameters, WorklistParameters
from screening.config import PARAMETER, SECONDS, STACK, TOPIC, TRIES, URL, Variable
from screening.digest import Alert, blinded, digest_message, digests, kind, network, read_alert
from screening.refusals import TryAgain

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

observer = Observer("notify")


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
    worklist_parameters: Annotated[
        str, Variable(PARAMETER, "the prefix of the names of parameters in SSM")
    ] = "/cxr-alert/worklist"


def make_handler(config: Config, clients: NotifyClients) -> Handler[Failures]:
    """Return the Lambda handler for batches of messages."""
    topic = Topic(clients.sns, config.notifications_topic_arn)
    consumer = Consumer(
        queues=[Queue(clients.make_sqs, config.people_queue_url)],
        dead_letters=Queue(clients.make_sqs, config.people_dead_letter_queue_url),
        observer=observer,
        first_wait=config.retry_seconds,
        most_tries=config.most_tries,
    )
    worklist = WorklistParameters(
        OptionalParameters(boto3_client=clients.ssm), config.worklist_parameters
    )
    observer.metrics.set_default_dimensions(stack=config.stack_name)

    def send(alerts: Sequence[Alert]) -> Mapping[Alert, BaseException]:
        failures: dict[Alert, BaseException] = {}
        hides = worklist.hides_scores()
        came = {blinded(alert, hides=hides): alert for alert in alerts}
        for digest in digests(came):
            failure = _send(topic, digest, config, worklist)
            _report(digest, failure)
            if failure:
                failures |= {came[alert]: failure for alert in digest}
        return failures

    @observer.logger.inject_lambda_context
    @observer.metrics.log_metrics
    def handler(event: dict[str, Any], context: "LambdaContext") -> Failures:
        return consumer.consume(event, read_alert, send)

    return handler


def _send(
    topic: Topic, digest: list[Alert], config: Config, worklist: WorklistParameters
) -> TryAgain | None:
    try:
        confirmed = worklist.precision(network(digest))
        message = digest_message(digest, config.look_up_url, worklist.address(), confirmed)
        (failure,) = topic.publish([message])
        return failure
    finally:
        time.sleep(config.digest_seconds)


def _report(digest: Sequence[Alert], failure: TryAgain | None) -> None:
    finding = kind(digest[0])
    if failure:
        observer.logger.warning("Digest not sent", finding=finding, error=str(failure))
    else:
        observer.logger.info("Digest sent", finding=finding, films=len(digest))
    observer.count("DigestsSent", 0 if failure else 1)
    observer.count("FilmsTold", 0 if failure else len(digest))
