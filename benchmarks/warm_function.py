"""The warm handler: `python -m benchmarks.warm_function TASK BATCH FILMS`, output in JSON.

Runs batches of events about the films in TASK and reports the process's CPU time per film, in total
and without that in the SDK's calls, and its memory.
"""

import json
import sys
import threading
import time
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
from botocore.client import BaseClient

from screening.upload import Upload, event_of


@dataclass(frozen=True)
class Context:
    """The context that Lambda passes with an invocation."""

    aws_request_id: str
    function_name: str = "classify"
    memory_limit_in_mb: int = 1024
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:classify"

    def get_remaining_time_in_millis(self) -> int:
        return 120_000


class _Calls:
    """The CPU seconds in the SDK's calls of AWS, on all threads."""

    def __init__(self) -> None:
        self.seconds = 0.0
        call = BaseClient._make_api_call  # type: ignore[attr-defined]
        lock = threading.Lock()

        def timed(client: BaseClient, *arguments: Any) -> Any:  # noqa: ANN401
            began = time.thread_time()
            try:
                return call(client, *arguments)
            finally:
                with lock:
                    self.seconds += time.thread_time() - began

        BaseClient._make_api_call = timed  # type: ignore[attr-defined]


def main() -> None:
    from classify.app import handler

    calls = _Calls()
    task = json.loads(Path(sys.argv[1]).read_text())
    batch, count = int(sys.argv[2]), int(sys.argv[3])
    films = cycle(task["films"])

    def screen(films_left: int) -> None:
        while films_left > 0:
            chosen = list(islice(films, min(batch, films_left)))
            event = {"Records": [_message(task["bucket"], film) for film in chosen]}
            result: Any = handler(event, Context(str(uuid4())))
            if result["batchItemFailures"]:
                raise RuntimeError(f"{len(result['batchItemFailures'])} films failed.")
            films_left -= len(chosen)

    screen(len(task["films"]))  # opens the connections
    began, before = time.process_time(), calls.seconds
    screen(count)
    cpu = time.process_time() - began
    figures = {
        "cpu_ms": 1000 * cpu / count,
        "own_ms": 1000 * (cpu - (calls.seconds - before)) / count,
        "memory_mb": psutil.Process().memory_info().rss / 1e6,
    }
    sys.stdout.write(f"\n{json.dumps(figures)}\n")


def _message(bucket: str, film: dict[str, Any]) -> dict[str, Any]:
    """Return the message of a new upload, without a record."""
    upload = Upload.of(
        key=film["key"],
        version=f"{film['etag']}#{uuid4().hex}",
        bucket=bucket,
        etag=film["etag"],
        size=film["size"],
        uploaded="2026-11-22T10:15:30.000Z",
    )
    return {
        "messageId": uuid4().hex,
        "receiptHandle": uuid4().hex,
        "body": json.dumps(event_of(upload)),
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:uploads",
        "awsRegion": "us-east-1",
    }


if __name__ == "__main__":
    main()
