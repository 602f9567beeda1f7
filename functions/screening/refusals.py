"""Why a film is not screened, or not yet. Messages are logged: they never hold a key."""


class Rejected(Exception):
    """The film itself is at fault: final, recorded with this reason for whoever dropped it."""

    def __init__(self, reason: str, code: str | None = None) -> None:
        super().__init__(reason)
        self.code = code


class TryAgain(Exception):
    """Something else is at fault: the queue delivers the film again, later."""


class NeedsRendition(Exception):
    """The endpoint can't be sent the film as it is: `render` has to make a rendition first."""
