"""The means of a rehearsal's steps: the stack, its services, and time limits."""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import boto3

from cxr_alert.deployment import sam
from cxr_alert.operate.application import Application, find
from cxr_alert.rehearsal.journal import Journal, Kind, Thing
from screening.errors import Failure
from screening.record import Record

T = TypeVar("T")
_DENIED = "rehearsal-denies"


class Refuted(Exception):
    """An assumption is wrong; the message says what was observed instead."""


class NotJudged(Exception):
    """This cloud can't show whether an assumption is right; the message says why."""


@dataclass(frozen=True)
class Settings:
    """Settings of a rehearsal.

    `template` is the output of `sam build`, `parameters` are added to the rehearsal's own.

    `patience` is the time limit for a film, `alarm_patience` that for an alarm.
    """

    stack: str
    template: Path
    endpoint: str
    sam: Path
    config: Path
    parameters: tuple[str, ...] = ()
    patience: float = 900
    alarm_patience: float = 2400
    pause: float = 5


@dataclass
class Stage:
    settings: Settings
    journal: Journal
    say: Callable[[str], None]
    messages: list[dict[str, Any]] = field(default_factory=list)
    queue: str = ""
    _application: Application | None = None

    def client(self, service: str) -> Any:  # noqa: ANN401 - the checks don't know most of them
        make: Any = boto3.client
        return make(service)

    @property
    def is_local(self) -> bool:
        return Application({}).is_local

    @property
    def application(self) -> Application:
        if self._application is None:
            self._application = find(self.settings.stack)
        return self._application

    def deploy(self, parameters: Iterable[str]) -> None:
        """Deploy the built template with the SAM command line."""
        settings = self.settings
        sam.deploy(
            sam.Tool(settings.sam, settings.config),
            settings.template,
            settings.stack,
            [*parameters, *settings.parameters],
        )

    def drop(self, key: str, body: bytes) -> str:
        """Upload a film; return its version."""
        bucket = self.application.outputs["UploadsBucketName"]
        version: str = self.application.s3.put_object(Bucket=bucket, Key=key, Body=body)[
            "VersionId"
        ]
        return version

    def wait(self, found: Callable[[], T], what: str, patience: float | None = None) -> T:
        """Poll until the answer is true; raise Refuted after the time limit."""
        seconds = self.settings.patience if patience is None else patience
        deadline = time.monotonic() + seconds
        while not (answer := found()):
            if time.monotonic() > deadline:
                raise Refuted(f"Not within {seconds:.0f} seconds: {what}.")
            time.sleep(self.settings.pause)
        return answer

    def record(self, key: str, version: str, patience: float | None = None) -> Record:
        """Wait for the record of a film, and for its alert to be sent if it has one."""

        def found() -> Record | None:
            record = self.application.screenings.find(key, version)
            return record if record and record.alert != "PENDING" else None

        record = self.wait(found, f"a record of {key}", patience)
        if record is None:
            raise Failure(f"{key} has no record.")
        return record

    def received(self, topic: str) -> list[dict[str, Any]]:
        """Return everything that a topic (the name of its output) has sent so far."""
        sqs = self.application.sqs
        while found := sqs.receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=1
        ).get("Messages"):
            for each in found:
                self.messages.append(json.loads(each["Body"]))
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=each["ReceiptHandle"])
        arn = self.application.outputs[topic]
        return [each for each in self.messages if each["TopicArn"] == arn]

    def alerts(self, key: str) -> int:
        """Return the number of alerts about a film for programs."""
        messages = [json.loads(each["Message"]) for each in self.received("AlertsTopicArn")]
        return sum(each["key"] == key for each in messages)

    def people_know(self, key: str) -> bool:
        return any(key in each["Message"] for each in self.received("NotificationsTopicArn"))

    def alarm_mails(self, alarm: str, state: str) -> int:
        """Return the number of messages that reported this state of an alarm of the stack."""
        messages = []
        for each in self.received("OperationsTopicArn"):
            try:
                messages.append(json.loads(each["Message"]))
            except ValueError:  # a reminder, for people
                continue
        name = f"{self.settings.stack}-{alarm}"
        return sum(
            (each.get("AlarmName"), each.get("NewStateValue")) == (name, state) for each in messages
        )

    def alarm(self, name: str) -> str:
        """Wait until an alarm is raised and its message arrives; return what was observed."""
        if self.is_local:
            raise NotJudged("The emulator raises no alarm.")
        began = time.monotonic()
        patience = self.settings.alarm_patience
        self.wait(lambda: self.alarm_mails(name, "ALARM"), f"the message of {name}", patience)
        return f"{name} came after {time.monotonic() - began:.0f} s"

    def role_of(self, function: str) -> str:
        """Return the role of a function, named by its output."""
        name = self.application.outputs[function]
        found = self.client("lambda").get_function_configuration(FunctionName=name)["Role"]
        return str(found).rpartition("/")[2]

    def deny(self, role: str, *actions: str) -> Thing:
        """Deny actions to a role, until `undo`."""
        thing = Thing(Kind.DENIAL, _DENIED, role)
        self.journal.add(thing)
        deny = {"Effect": "Deny", "Action": [*actions], "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
        self.client("iam").put_role_policy(
            RoleName=role, PolicyName=_DENIED, PolicyDocument=document
        )
        return thing

    def allow(self, thing: Thing) -> None:
        self.client("iam").delete_role_policy(RoleName=thing.of, PolicyName=thing.name)
        self.journal.remove(thing)

    def stop(self, function: str) -> Thing:
        """Stop a function's trigger, until `start`."""
        name = self.application.outputs[function]
        client = self.client("lambda")
        (mapping,) = client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        thing = Thing(Kind.SOURCE, mapping["UUID"])
        self.journal.add(thing)
        client.update_event_source_mapping(UUID=thing.name, Enabled=False)
        return thing

    def start(self, thing: Thing) -> None:
        self.client("lambda").update_event_source_mapping(UUID=thing.name, Enabled=True)
        self.journal.remove(thing)
