"""The deployed application with a proxy between its function and the services, and a ledger."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from cxr_alert.local import processes, stack
from cxr_alert.local.container import NAME as CONTAINER
from cxr_alert.operate.application import Application
from screening.upload import Upload
from tests.e2e.application import FILMS_WAY, wait_until
from tests.faults.ledger import Film, Ledger
from tests.faults.proxy import SERVICES, Proxy


@dataclass
class BrokenCloud:
    stack: stack.Stack
    proxy: Proxy
    ledger: Ledger

    def waiting(self, queue: str = "UploadsQueueUrl") -> int:
        """Return how many messages a queue holds, including hidden ones."""
        counts = self.stack.sqs.get_queue_attributes(
            QueueUrl=self.stack.outputs[queue], AttributeNames=["All"]
        )["Attributes"]
        visible = counts["ApproximateNumberOfMessages"]
        return int(visible) + int(counts["ApproximateNumberOfMessagesNotVisible"])

    def settle(self, seconds: float = 60) -> None:
        """Wait until every message is processed, and people are notified."""
        wait_until(lambda: not any(map(self.waiting, FILMS_WAY)), "films screened", seconds)
        wait_until(lambda: self.waiting("PeopleQueueUrl") == 0, "an empty people queue", seconds)

    def tell(self, upload: Upload) -> None:
        """Send the event of an upload by hand, as S3 does."""
        self.operator().uploads_queues.announce([upload])

    def send(self, body: str) -> None:
        """Put a message into the uploads queue by hand."""
        url = self.stack.outputs["UploadsQueueUrl"]
        self.stack.sqs.send_message(QueueUrl=url, MessageBody=body)

    def upload(self, film: Film) -> Upload:
        """A film as S3 knows it."""
        key, version = film
        bucket = self.stack.outputs["UploadsBucketName"]
        head = self.stack.s3.head_object(Bucket=bucket, Key=key, VersionId=version)
        return Upload.of(
            key=key,
            version=version,
            bucket=bucket,
            etag=head["ETag"].strip('"'),
            size=head["ContentLength"],
            uploaded="2026-11-01T12:00:00.000Z",
        )

    @contextlib.contextmanager
    def rule_off(self) -> Iterator[None]:
        """Lose the event of every upload, as if somebody had disabled the rules."""
        events: Any = self.stack.client("events")
        rules = [each["Name"] for each in events.list_rules()["Rules"] if "EventPattern" in each]
        for rule in rules:
            events.disable_rule(Name=rule)
        try:
            yield
        finally:
            for rule in rules:
                events.enable_rule(Name=rule)

    def reconcile(self) -> None:
        """Run the function that finds lost films, like its schedule, without a grace period."""
        name = self.stack.outputs["ReconcileFunctionName"]
        found = self._function.get_function_configuration(FunctionName=name)["Environment"]
        variables = found["Variables"] | {"GRACE_MINUTES": "0"}
        self._function.update_function_configuration(
            FunctionName=name, Environment={"Variables": variables}
        )
        self.invoke(name)

    def invoke(self, name: str) -> None:
        answer = self._function.invoke(FunctionName=name, Payload=b"{}")
        if "FunctionError" in answer:
            raise RuntimeError(answer["Payload"].read().decode())

    def logged(self, output: str) -> list[str]:
        """Return the log lines of the function with that output."""
        return self.log(self.stack.outputs[output])

    @property
    def _function(self) -> Any:
        return self.stack.client("lambda")

    def log(self, function: str = "") -> list[str]:
        """Return the log lines of the functions, or of the one with that name."""
        logs: Any = self.stack.client("logs")
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=self.stack.outputs["LogGroupName"]
        )
        return [
            event["message"]
            for page in pages
            for event in page["events"]
            if function in event["logStreamName"]
        ]

    @property
    def given_back(self) -> int:
        """Return how often the function has returned messages to the queue."""
        return self.proxy.answered["ChangeMessageVisibilityBatch"]

    def workers(self, output: str = "ClassifyFunctionName") -> list[psutil.Process]:
        """Return the processes that run the function with that output."""
        name = self.stack.outputs[output]
        return [
            process
            for process in processes.belonging_to(self.stack.settings.state)
            if any(word.endswith("_worker.py") and name in word for word in _command(process))
        ]

    def kill_function(self, output: str = "ClassifyFunctionName") -> None:
        for process in self.workers(output):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def kill_container(self) -> None:
        child = self.stack.children[CONTAINER]
        for process in processes.family(child.pid):
            process.kill()
        child.wait()

    @contextlib.contextmanager
    def queue_attributes(
        self, output: str = "UploadsQueueUrl", **attributes: str
    ) -> Iterator[None]:
        """Change a queue for the length of the block, as an operator could."""
        url = self.stack.outputs[output]
        before = self.stack.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        self.stack.sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)  # type: ignore[arg-type]
        try:
            yield
        finally:
            kept: Any = {name: before["Attributes"][name] for name in attributes}  # type: ignore[index]
            self.stack.sqs.set_queue_attributes(QueueUrl=url, Attributes=kept)

    @contextlib.contextmanager
    def short_lived_function(self, seconds: int) -> Iterator[None]:
        """Shorten the function's timeout, and the visibility timeout of its messages."""
        name = self.stack.outputs["ClassifyFunctionName"]
        before = self._function.get_function_configuration(FunctionName=name)["Timeout"]
        with self.queue_attributes(VisibilityTimeout=str(seconds + 1)):
            self._function.update_function_configuration(FunctionName=name, Timeout=seconds)
            try:
                yield
            finally:
                self.settle()
                self._function.update_function_configuration(FunctionName=name, Timeout=before)

    @contextlib.contextmanager
    def tries(self, count: int) -> Iterator[None]:
        """Let the queue give up after fewer tries."""
        url = self.stack.outputs["UploadsQueueUrl"]
        found = self.stack.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])
        policy = json.loads(found["Attributes"]["RedrivePolicy"])
        with self.queue_attributes(RedrivePolicy=json.dumps(policy | {"maxReceiveCount": count})):
            yield

    def operator(self) -> Application:
        """Return the application as the operator's commands see it."""
        found = Application(self.stack.outputs)
        found.sqs = self.stack.sqs
        return found


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@contextlib.contextmanager
def running(state: Path, parameters: Mapping[str, str]) -> Iterator[BrokenCloud]:
    with Proxy() as proxy:
        # Without the worklist, every call that the proxy counts is the one function's.
        settings = stack.Settings(
            state,
            parameters=parameters,
            worklist=None,
            emulator_environment=proxy.environment,
        )
        with stack.running(settings) as started:
            proxy.upstream = {
                service: started.container_port
                if service == "sagemaker_runtime"
                else started.emulator_port
                for service in SERVICES
            }
            yield BrokenCloud(started, proxy, Ledger(started))
