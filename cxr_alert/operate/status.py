"""How the application is, on one screen."""

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from aws.alarms import Alarm, alarms
from aws.subscriptions import Subscriptions, subscriptions
from cxr_alert.operate.application import Application
from cxr_alert.operate.queues import QUEUES, QueueDepth, waiting
from cxr_alert.operate.redrive import SOURCES
from screening.judgement import Finding

_FAILED = {QUEUES[source] for source in SOURCES}


@dataclass(frozen=True)
class Status:
    endpoint: str
    endpoint_state: str
    cutoff: str
    last_screening: str | None
    model: str | None
    queues: list[QueueDepth]
    people: Subscriptions
    programs: Subscriptions
    operations: Subscriptions
    alarms_on: list[Alarm]
    alarms: int


def status(application: Application, stack: str) -> Status:
    latest = [
        record.judgement
        for finding in Finding
        for record in application.screenings.latest(finding, 1)
    ]
    last = max(latest, key=lambda judgement: judgement.classified, default=None)
    known = alarms(application.cloudwatch, stack)
    people, programs, operations = (
        subscriptions(application.sns, application.outputs[topic])
        for topic in ("NotificationsTopicArn", "AlertsTopicArn", "OperationsTopicArn")
    )
    return Status(
        endpoint=application.outputs["EndpointName"],
        endpoint_state=_endpoint_state(application),
        cutoff=str(application.cutoff),
        last_screening=last.classified if last else None,
        model=last.model if last else None,
        queues=waiting(application),
        people=people,
        # The queue of people's alerts is subscribed to the programs' topic, and is no program.
        programs=Subscriptions(programs.confirmed - 1, programs.unconfirmed),
        operations=operations,
        alarms_on=[alarm for alarm in known if alarm.state == "ALARM"],
        alarms=len(known),
    )


def _endpoint_state(application: Application) -> str:
    try:
        found: Any = application.sagemaker_api.describe_endpoint(
            EndpointName=application.outputs["EndpointName"]
        )
    except ClientError as error:
        return f"unknown ({error.response['Error']['Code']})"
    except BotoCoreError as error:
        return f"unknown ({type(error).__name__})"
    return str(found["EndpointStatus"])


def troubles(found: Status) -> list[str]:
    """Return what is not as it should be, a sentence each."""
    said = [f"{alarm.name} is on: {alarm.description}" for alarm in found.alarms_on]
    if not found.people.confirmed:
        said.append("Nobody gets the messages for people: subscribe, and confirm the mail.")
    if found.people.unconfirmed:
        said.append(f"{found.people.unconfirmed} subscriptions of people wait to be confirmed.")
    if not found.operations.confirmed:
        said.append("Nobody gets the alarms: set OperationsEmail, and confirm the mail.")
    said += [
        f"{each.ready + each.being_tried} {each.what}: see docs/runbook.md."
        for each in found.queues
        if each.what in _FAILED and each.ready + each.being_tried
    ]
    return said
