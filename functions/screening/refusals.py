"""Reasons why a film is not screened, or not yet; messages are logged and contain no key."""

from enum import StrEnum


class Code(StrEnum):
    """The codes of rejections for programs. Codes are stable; the texts of reasons may change.

    A film that the container refuses gets the container's own code, if it names one.
    """

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    DELETED = "deleted"
    REPLACED = "replaced"
    ARCHIVED = "archived"
    ENCRYPTED = "encrypted"
    FORMAT = "format"
    UNREADABLE = "unreadable"
    ADULT = "adult"
    # Codes of DICOM files:
    MODALITY = "modality"
    REPORT = "report"
    PDF = "pdf"
    PROCESSING = "processing"
    LATERAL = "lateral"
    BODY_PART = "body_part"
    NO_PIXELS = "no_pixels"
    FRAMES = "frames"
    KIND = "kind"
    DIRECTORY = "directory"
    FLAT = "flat"
    BROKEN = "broken"


class Rejected(Exception):
    """The film itself is at fault; final, recorded and alerted, with what the sender must do."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = str(code)


class TryAgain(Exception):
    """The film is not at fault; the queue delivers it again later."""


class Later(Exception):
    """Nothing is at fault; the film waits for something, and is delivered again after `seconds`."""

    def __init__(self, why: str, seconds: int) -> None:
        super().__init__(why)
        self.seconds = seconds


class GivenUp(Exception):
    """Another try would not help; `body` goes to the dead-letter queue instead of the message."""

    def __init__(self, why: str, body: str) -> None:
        super().__init__(why)
        self.body = body


class NeedsRendition(Exception):
    """The endpoint can't take the film as it is; `render` has to make a rendition first.

    `digest` is that of the film's bytes, if they were read.
    """

    def __init__(self, digest: str | None = None) -> None:
        super().__init__("The film needs a rendition.")
        self.digest = digest
