"""Why a film is not screened, or not yet. Messages are logged: they never hold a key."""

from enum import StrEnum


class Code(StrEnum):
    """What programs know a rejection by. They stay as they are; the reasons' words may change.

    What the container refuses has the container's own code where it names one.
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
    # Of DICOM files:
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
    """The film itself is at fault: final, recorded and told, with what its sender must do."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = str(code)


class TryAgain(Exception):
    """Something else is at fault: the queue delivers the film again, later."""


class Later(Exception):
    """Nothing is at fault: the film waits for something, and comes back after `seconds`."""

    def __init__(self, why: str, seconds: int) -> None:
        super().__init__(why)
        self.seconds = seconds


class GivenUp(Exception):
    """Another try would not help: `body` goes to the dead-letter queue in place of the message."""

    def __init__(self, why: str, body: str) -> None:
        super().__init__(why)
        self.body = body


class NeedsRendition(Exception):
    """The endpoint can't be sent the film as it is: `render` has to make a rendition first.

    `digest` is that of the film's bytes, where they were read.
    """

    def __init__(self, digest: str | None = None) -> None:
        super().__init__("The film needs a rendition.")
        self.digest = digest
