"""An upload, from S3's "Object Created" event of EventBridge, as the queue delivers it."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from screening.clock import stamp
from screening.film_name import film_name
from screening.rendition import NotRendered, Rendered, rendered_as_json, rendered_from

_SOURCE = "aws.s3"
_DETAIL_TYPE = "Object Created"
# Keys of test films; no hospital names a film with 32 random digits.
CHECK_PREFIX = "cxr-alert-check/"
# Keys of backfills, which have queues of their own and alert no person.
BACKFILL_PREFIX = "backfill/"
_CHECK_KEY = re.compile(f"{CHECK_PREFIX}[0-9a-f]{{32}}")
_COPY = "CopyObject"
_DIGEST = re.compile(r"[0-9a-f]{64}")


class MalformedMessage(Exception):
    """The message is not a valid event; an operator has to look at it."""


@dataclass(frozen=True)
class Upload:
    """One version of one object.

    Key and `version` identify an upload; uploads are compared by these two only. S3 reads an object
    by `version_id`, which is None in a bucket without versioning, where only the ETag identifies
    the upload. `rendered` is the result of `render`, if there is one; `hops` counts how often the
    upload was sent from queue to queue; `digest` is the SHA-256 of its bytes, once they were read.
    `copied` says that S3 made the version by copying another object, or an earlier version of the
    same one.
    """

    key: str
    version: str
    bucket: str = field(compare=False)
    version_id: str | None = field(compare=False)
    etag: str = field(compare=False)
    size: int = field(compare=False)
    uploaded: str = field(compare=False)
    rendered: Rendered | NotRendered | None = field(default=None, compare=False)
    digest: str | None = field(default=None, compare=False)
    hops: int = field(default=0, compare=False)
    copied: bool = field(default=False, compare=False)

    @classmethod
    def of(
        cls, *, key: str, version: str, bucket: str, etag: str, size: int, uploaded: str
    ) -> "Upload":
        """Return the upload with these fields; `version` is an S3 version id, or else an ETag."""
        version_id = None if version.startswith(f"{etag}#") else version
        return cls(key, version, bucket, version_id, etag, size, uploaded)

    @property
    def is_folder_marker(self) -> bool:
        """Return whether it is an empty object that consoles create to show a folder."""
        return self.size == 0 and self.key.endswith("/")

    @property
    def is_check(self) -> bool:
        """Return whether it is a test film of `cxr-alert check`.

        It alerts nobody and is not counted.
        """
        return is_check_key(self.key)

    @property
    def is_backfill(self) -> bool:
        """Return whether it is a film of a backfill; films of today never wait for these."""
        return is_backfill_key(self.key)

    @property
    def log_id(self) -> str:
        """Return the name in the log: not the key, since keys may contain a patient's name."""
        return film_name(self.key, self.version)


def digest_of(film: bytes) -> str:
    """Return the SHA-256 in hexadecimal, which identifies uploads with the same bytes."""
    return hashlib.sha256(film).hexdigest()


def is_check_key(key: str) -> bool:
    return _CHECK_KEY.fullmatch(key) is not None


def is_backfill_key(key: str) -> bool:
    return key.startswith(BACKFILL_PREFIX)


def event_of(upload: Upload) -> dict[str, Any]:
    """Return the event of an upload, with the fields that `read_upload` reads."""
    film: dict[str, Any] = {"key": upload.key, "size": upload.size, "etag": upload.etag}
    if upload.version_id is None:
        film["sequencer"] = upload.version.removeprefix(f"{upload.etag}#")
    else:
        film["version-id"] = upload.version_id
    detail: dict[str, Any] = {"bucket": {"name": upload.bucket}, "object": film}
    if upload.copied:
        detail["reason"] = _COPY
    if upload.rendered is not None:
        detail["rendered"] = rendered_as_json(upload.rendered)
    if upload.digest is not None:
        detail["digest"] = upload.digest
    if upload.hops:
        detail["hops"] = upload.hops
    return {
        "source": _SOURCE,
        "detail-type": _DETAIL_TYPE,
        "time": upload.uploaded,
        "detail": detail,
    }


def read_upload(body: str) -> Upload | None:
    """Return the upload in a message, or None if the message is about something else.

    Keys are taken as they are: EventBridge sends them unquoted, and unquoting, as the event class
    of powertools does, would turn `+` and `%` into other keys.
    """
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedMessage("The message is not JSON.") from None
    if not isinstance(event, dict):
        raise MalformedMessage("The message is not a JSON object.")
    if (event.get("source"), event.get("detail-type")) != (_SOURCE, _DETAIL_TYPE):
        return None
    try:
        return _upload(event)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedMessage(
            f"The Object Created event lacks what an upload needs ({type(error).__name__})."
        ) from None


def _upload(event: dict[str, Any]) -> Upload:
    detail = event["detail"]
    film = detail["object"]
    # In a bucket with suspended versioning, the version "null" is overwritten in place.
    version_id = _text(film["version-id"]) if film.get("version-id", "null") != "null" else None
    etag = _text(film["etag"])
    rendered, digest = detail.get("rendered"), detail.get("digest")
    if digest is not None and not _DIGEST.fullmatch(digest):
        raise ValueError
    return Upload(
        bucket=_text(detail["bucket"]["name"]),
        key=_text(film["key"]),
        version=version_id or f"{etag}#{_text(film['sequencer'])}",
        version_id=version_id,
        etag=etag,
        size=_count(film["size"]),
        uploaded=stamp(datetime.fromisoformat(event["time"])),
        rendered=rendered_from(rendered) if rendered is not None else None,
        digest=digest,
        hops=_count(detail.get("hops", 0)),
        copied=detail.get("reason") == _COPY,
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    value.encode()  # half a surrogate pair is valid JSON, but AWS does not accept it as text
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise TypeError
    return value
