"""The emulator's application with one gap closed; it runs in the emulator's own environment.

ministack 1.5 leaves the object's version out of its EventBridge events. Amazon S3 names it, as
`detail.object.version-id`, and the function reads and records the very version it names:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
"""

import json
from contextvars import ContextVar
from typing import Any

from ministack.app import app  # type: ignore[import-not-found]
from ministack.services import eventbridge, s3  # type: ignore[import-not-found]

__all__ = ["app"]

_version: ContextVar[str | None] = ContextVar("version", default=None)
_fire_s3_event = s3._fire_s3_event
_dispatch_event = eventbridge._dispatch_event


def _fire_with_version(*arguments: Any, version_id: str | None = None, **options: Any) -> None:  # noqa: ANN401
    token = _version.set(version_id)
    try:
        _fire_s3_event(*arguments, version_id=version_id, **options)
    finally:
        _version.reset(token)


def _dispatch_with_version(event: dict[str, Any], *rest: Any) -> None:  # noqa: ANN401
    if event["Source"] == "aws.s3" and (version := _version.get()):
        detail = json.loads(event["Detail"])
        detail["object"].setdefault("version-id", version)
        event = {**event, "Detail": json.dumps(detail)}
    _dispatch_event(event, *rest)


s3._fire_s3_event = _fire_with_version
eventbridge._dispatch_event = _dispatch_with_version
