"""`send --dry-run`: write the waiting results as files, and leave them in the queue."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from delivery.destination import Away, Result
from delivery.dicomweb import encoded
from delivery.films import NoIdentity, NothingToDeliver
from screening.film_name import film_name
from screening.result import ResultRequest, read_result_request
from screening.upload import MalformedMessage

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_HELD_SECONDS = 600


def write_waiting(
    sqs: "SQSClient", queue: str, build: Callable[[ResultRequest], Result], folder: Path
) -> tuple[int, int]:
    """Write each result's four files; return the numbers of written and of failed results."""
    folder.mkdir(parents=True, exist_ok=True)
    written = failed = 0
    held: list[str] = []
    try:
        while messages := sqs.receive_message(
            QueueUrl=queue,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=1,
            VisibilityTimeout=_HELD_SECONDS,
        ).get("Messages"):
            held += [each["ReceiptHandle"] for each in messages]
            for each in messages:
                try:
                    request = read_result_request(each["Body"])
                    _write(folder, request, build(request))
                    written += 1
                except (MalformedMessage, NothingToDeliver, NoIdentity, Away):
                    failed += 1
    finally:
        for handle in held:
            sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=handle, VisibilityTimeout=0)
    return written, failed


def _write(folder: Path, request: ResultRequest, result: Result) -> None:
    stem = film_name(f"{request.key}\0{request.judged}", request.version)
    for kind, instance in zip(("sr", "sc"), result.instances, strict=True):
        (folder / f"{stem}.{kind}.dcm").write_bytes(encoded(instance))
    (folder / f"{stem}.json").write_text(json.dumps(result.bundle, indent=2))
    (folder / f"{stem}.hl7").write_bytes(result.message)
