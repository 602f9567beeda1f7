"""The two ways in which a film is not screened. Messages are logged: they never hold a key."""


class Rejected(Exception):
    """The film itself is at fault: final, recorded with this reason for whoever dropped it."""


class TryAgain(Exception):
    """Something else is at fault: the queue delivers the film again, later."""
