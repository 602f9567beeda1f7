"""Upload a test film and wait for its record.

Its key has the reserved form of screening/upload.py, so nobody is alerted and nothing counts it,
even if the endpoint is down or the command is interrupted.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from cxr_alert.operate.application import Application
from screening.errors import Failure
from screening.record import Record
from screening.upload import CHECK_PREFIX

# S3 begins to send events about five minutes after a deployment.
PATIENCE_SECONDS = 600
_PAUSE_SECONDS = 1


@dataclass(frozen=True)
class Checked:
    key: str
    seconds: float
    record: Record


def check(
    application: Application,
    film: bytes,
    waiting: Callable[[float], None],
    patience: float = PATIENCE_SECONDS,
) -> Checked:
    """Return the test film's record; `waiting` is called with the seconds so far.

    The film is removed in any case. It is uploaded again every minute, since S3 may lose the events
    of the first uploads after a deployment.
    """
    bucket = application.outputs["UploadsBucketName"]
    began = time.monotonic()
    keys: list[str] = []
    try:
        while (waited := time.monotonic() - began) < patience:
            if waited >= 60 * len(keys):
                keys.append(f"{CHECK_PREFIX}{uuid4().hex}")
                application.s3.put_object(Bucket=bucket, Key=keys[-1], Body=film)
            for key in keys:
                if records := application.screenings.of_key(key):
                    return Checked(key, time.monotonic() - began, records[-1])
            waiting(waited)
            time.sleep(_PAUSE_SECONDS)
    finally:
        for key in keys:
            _remove(application, bucket, key)
    raise Failure(
        f"The test film has no record after {patience:.0f} seconds. `cxr-alert status` shows what "
        "fails, and docs/runbook.md what to do."
    )


def _remove(application: Application, bucket: str, key: str) -> None:
    """Remove every version, even if the upload was interrupted before S3 answered."""
    found = application.s3.list_object_versions(Bucket=bucket, Prefix=key)
    for version in found.get("Versions", []):
        application.s3.delete_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])
