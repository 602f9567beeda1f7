"""Drop a test film and see it through, from the bucket to its record."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cxr_alert.operate.application import Application
from screening.clock import now, stamp
from screening.errors import Failure
from screening.record import Record

PREFIX = "cxr-alert-check/"
# S3 begins to tell EventBridge of uploads some five minutes after a deployment.
PATIENCE_SECONDS = 600
_PAUSE_SECONDS = 1


@dataclass(frozen=True)
class Checked:
    key: str
    seconds: float
    record: Record


def check(
    application: Application,
    film: Path,
    tell: Callable[[float], None],
    patience: float = PATIENCE_SECONDS,
) -> Checked:
    """Return what became of the film; `tell` hears how long it waits. The film is removed again.

    A film is dropped again every minute: the events of the first ones may never have been raised.
    """
    bucket = application.outputs["UploadsBucketName"]
    body = film.read_bytes()
    began = time.monotonic()
    dropped: list[tuple[str, str]] = []
    try:
        while (waited := time.monotonic() - began) < patience:
            if waited >= 60 * len(dropped):
                key = f"{PREFIX}{stamp(now())}{film.suffix}"
                put = application.s3.put_object(Bucket=bucket, Key=key, Body=body)
                dropped.append((key, put["VersionId"]))
            for key, version in dropped:
                if record := application.screenings.find(key, version):
                    return Checked(key, time.monotonic() - began, record)
            tell(waited)
            time.sleep(_PAUSE_SECONDS)
    finally:
        for key, version in dropped:
            application.s3.delete_object(Bucket=bucket, Key=key, VersionId=version)
    raise Failure(
        f"The film was not screened within {patience:.0f} seconds. `cxr-alert status` and the "
        "log of the function say why; docs/runbook.md what to do."
    )
