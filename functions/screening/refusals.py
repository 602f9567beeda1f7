"""The two ways in which a film is not screened. Messages are logged: they never hold a key."""

from enum import StrEnum


class Code(StrEnum):
    """What programs know a rejection by. They stay as they are; the reasons' words may change.

    What the container refuses has the container's own code where it names one, such as `adult`.
    """

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    DELETED = "deleted"
    REPLACED = "replaced"
    FORMAT = "format"
    UNREADABLE = "unreadable"


class Rejected(Exception):
    """The film itself is at fault: final, recorded and told, with what its sender must do."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = str(code)


class TryAgain(Exception):
    """Something else is at fault: the queue delivers the film again, later."""
