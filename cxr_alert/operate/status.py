"""The application's health, on one screen."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from aws.alarms import Alarm, alarms
from aws.endpoint import Endpoint
from aws.subscriptions import Subscriptions, subscriptions
from cxr_alert.operate.application import Application
from cxr_alert.operate.failing import Failing, failing
from cxr_alert.operate.queues import QUEUES, RESULTS, QueueDepth, depths
from cxr_alert.operate.redrive import SOURCES
from screening.judgement import Finding
from screening.refusals import Rejected, TryAgain

_DEAD_LETTERS = {
    *(QUEUES[source] for source in SOURCES),
    RESULTS["ResultsDeadLetterQueueUrl"],
}
_TO_SCREEN = {
    QUEUES[f"{queue}QueueUrl"]
    for queue in ("Uploads", "UploadsBackfill", "Renditions", "RenditionsBackfill")
}
_ANSWER_SECONDS = 15  # a serverless endpoint may have to start first


@dataclass(frozen=True)
class EndpointHealth:
    """The endpoint's health; `state` is from SageMaker, None in the emulator.

    `failure` says why it does not answer.
    """

    name: str
    state: str | None = None
    failure: str | None = None
    seconds: float | None = None
    model: str | None = None


@dataclass(frozen=True)
class Status:
    """The health; `alarms` is the number of all alarms, None in the emulator, which has none."""

    endpoint: EndpointHealth
    cutoff: str
    last_screening: str | None
    failing: Failing | None
    queues: list[QueueDepth]
    people: Subscriptions
    programs: Subscriptions
    operations: Subscriptions
    alarms_on: list[Alarm]
    alarms: int | None


def status(application: Application, stack: str, film: Path) -> Status:
    """Check each service; the endpoint screens `film`, a chest X-ray."""
    last = [
        record.judgement.classified
        for finding in Finding
        for record in application.screenings.latest(finding, 1)
    ]
    known = [] if application.is_local else alarms(application.cloudwatch, stack)
    people, programs, operations = (
        subscriptions(application.sns, application.outputs[topic])
        for topic in ("NotificationsTopicArn", "AlertsTopicArn", "OperationsTopicArn")
    )
    queues = depths(application)
    waiting = sum(each.total for each in queues if each.what in _TO_SCREEN)
    return Status(
        endpoint=_endpoint(application, film),
        cutoff=str(application.cutoff),
        last_screening=max(last, default=None),
        failing=failing(application) if waiting else None,
        queues=queues,
        people=people,
        # The people queue is subscribed to the topic for programs, but is not a program.
        programs=Subscriptions(programs.confirmed - 1, programs.unconfirmed),
        operations=operations,
        alarms_on=[alarm for alarm in known if alarm.state == "ALARM"],
        alarms=None if application.is_local else len(known),
    )


def _endpoint(application: Application, film: Path) -> EndpointHealth:
    name = application.outputs["EndpointName"]
    health = EndpointHealth(name)
    if not application.is_local:
        health = replace(health, state=_endpoint_state(application, name))
    patience = Config(
        connect_timeout=5, read_timeout=_ANSWER_SECONDS, retries={"total_max_attempts": 1}
    )
    client = boto3.client("sagemaker-runtime", config=patience)
    body, began = film.read_bytes(), time.monotonic()
    try:
        answer = Endpoint(client, name, busy_seconds=0).ask(body)
    except Rejected:  # another network than ours may reject the film; but it has answered
        return replace(health, seconds=time.monotonic() - began)
    except TryAgain as failure:
        return replace(health, failure=str(failure))
    return replace(health, seconds=time.monotonic() - began, model=answer.model)


def _endpoint_state(application: Application, name: str) -> str:
    try:
        found: Any = application.sagemaker_api.describe_endpoint(EndpointName=name)
    except ClientError as error:
        return f"unknown, since AWS refused DescribeEndpoint ({error.response['Error']['Code']})"
    except BotoCoreError as error:
        return f"unknown ({type(error).__name__})"
    return str(found["EndpointStatus"])


def troubles(found: Status) -> list[str]:
    """Return the problems, one sentence each."""
    endpoint = found.endpoint
    sentences = []
    if endpoint.failure:
        sentences.append(
            f"{endpoint.failure} Films wait in the queue and are tried again for two days."
        )
    if found.failing and found.failing.cause != endpoint.failure:
        sentences.append(f"Films fail: {found.failing.cause}")
    sentences += [f"{alarm.name} is on: {alarm.description}" for alarm in found.alarms_on]
    if not found.people.confirmed:
        sentences.append(
            "Nobody gets the messages for people: subscribe an address, and confirm the mail."
        )
    if found.people.unconfirmed:
        sentences.append(f"{found.people.unconfirmed} subscriptions of people are not confirmed.")
    if not found.operations.confirmed:
        sentences.append("Nobody gets the alarms: set OperationsEmail, and confirm the mail.")
    sentences += [
        f"{each.total} {each.what}: see docs/runbook.md."
        for each in found.queues
        if each.what in _DEAD_LETTERS and each.total
    ]
    return sentences
