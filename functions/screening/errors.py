"""Errors that end a command with one sentence: what was wrong, where, and what to do.

They are in this room so that every other room can raise them without importing the program.
"""


class Mistake(Exception):
    """A usage error, such as a missing file; exit status 2, like a wrong option."""


class Failure(Exception):
    """The command ran and failed; exit status 1."""
