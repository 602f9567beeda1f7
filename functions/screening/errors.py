"""Errors that end a command with one sentence: what was wrong, where, and what to do.

They stand on the ground floor, so that no room has to import the program to raise them.
"""


class Mistake(Exception):
    """A usage error, such as a missing file; exit status 2, like a wrong option."""


class Failure(Exception):
    """The command ran and failed; exit status 1."""
