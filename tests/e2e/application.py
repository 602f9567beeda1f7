"""The deployed application as its users see it: upload films, read records, receive alerts."""

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

from cxr_alert.local import environment, mail, manual, watch
from cxr_alert.local.dicom_samples import as_dicom
from cxr_alert.local.processes import ROOT
from cxr_alert.local.stack import Stack
from screening.record import Record, attributes
from tests.docs.valid import valid
from tests.typed import Ended, typed_in

T = TypeVar("T")

SAMPLES = ROOT / "samples"
# These are good examples because the shipped network is certain about them, not for their labels.
POSITIVE = (SAMPLES / "PNEUMONIA" / "person1923_bacteria_4831.jpeg").read_bytes()
NEGATIVE = (SAMPLES / "NORMAL" / "IM-0482-0001.jpeg").read_bytes()
DICOM = as_dicom(SAMPLES / "PNEUMONIA" / "person1923_bacteria_4831.jpeg")  # of the positive one
# A film that has to be rendered goes from the first queue to the second, and back.
_TO_SCREEN = ("UploadsQueueUrl", "UploadsBackfillQueueUrl")
FILMS_WAY = (*_TO_SCREEN, "RenditionsQueueUrl", "RenditionsBackfillQueueUrl", *_TO_SCREEN)


def wait_until(found: Callable[[], T], what: str, seconds: float = 30) -> T:
    """Poll until the answer is true; fail the test after the time limit."""
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return answer


class Application:
    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._queue = watch.subscribe(stack, "e2e-programs", '{"finding": ["PNEUMONIA"]}')
        self._alerts: list[dict[str, Any]] = []

    @property
    def settings(self) -> dict[str, str]:
        """The variables of an operator's program, and no others."""
        stack = self.stack
        base = environment.base(stack.settings.state)
        return {**base, **manual.settings(stack), "COLUMNS": "200"}

    def typed(self, *arguments: str, **changes: str) -> Ended:
        """Run `cxr-alert ARGUMENTS` as an operator of the stack, in this process."""
        return typed_in({**self.settings, **changes}, *arguments)

    def drop(self, key: str, body: bytes) -> str:
        """Upload a film; return the version in S3."""
        bucket = self.stack.outputs["UploadsBucketName"]
        version: str = self.stack.s3.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"]
        return version

    def records(self, key: str) -> list[Record]:
        records = watch.screenings(self.stack).of_key(key)
        for record in records:
            valid("record", attributes(record))
        return records

    def record(self, key: str, alert: str | None = None) -> Record:
        """Wait for the one record of a key (with an alert in that state)."""

        def found() -> list[Record]:
            return [each for each in self.records(key) if alert in (None, each.alert)]

        (record,) = wait_until(found, f"a record of {key} with alert {alert}")
        return record

    def alerts(self, key: str) -> list[dict[str, Any]]:
        """Return the alerts for programs so far."""
        while arrived := watch.receive(self.stack, self._queue):
            self._alerts += [valid("alert", json.loads(alert.message)) for alert in arrived]
        return [alert for alert in self._alerts if alert["key"] == key]

    def mails(self, key: str) -> list[str]:
        """Return the mails so far that name a film."""
        return [text for text in self.all_mails() if f"film      {key}\n" in text]

    def all_mails(self) -> list[str]:
        return [mail.as_text(each) for each in mail.received(self.stack.settings.state)]

    def waiting(self, queue: str = "UploadsQueueUrl") -> int:
        """Return how many messages a queue holds, including hidden ones."""
        counts = self.stack.sqs.get_queue_attributes(
            QueueUrl=self.stack.outputs[queue], AttributeNames=["All"]
        )["Attributes"]
        visible = counts["ApproximateNumberOfMessages"]
        return int(visible) + int(counts["ApproximateNumberOfMessagesNotVisible"])

    def settle(self, seconds: float = 30) -> None:
        """Wait until every message is processed: no alert can arrive after that."""
        wait_until(lambda: not any(map(self.waiting, FILMS_WAY)), "films screened", seconds)
        wait_until(lambda: self.waiting("PeopleQueueUrl") == 0, "an empty people queue", seconds)

    def wait_for_failed_try(self) -> None:
        """Wait until the function has returned a message to the queue."""
        client: Any = self.stack.client("lambda")
        name = self.stack.outputs["ClassifyFunctionName"]

        def failed() -> bool:
            mappings = client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
            return any(
                "partial failures" in each.get("LastProcessingResult", "") for each in mappings
            )

        wait_until(failed, "a failed try")
