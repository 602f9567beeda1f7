"""What ends a command with one sentence and no traceback: what was wrong, where, what to do.

Every room that a command runs in takes its errors from here, so this imports nothing.
"""


class Mistake(Exception):
    """What the user gave or asked for can't be; exit status 2, like a wrong option."""


class Failure(Exception):
    """The command began its work, and the work failed; exit status 1."""
