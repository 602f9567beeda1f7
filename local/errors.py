"""What the person at the terminal is told when something is wrong."""


class LocalError(Exception):
    """One sentence: what was wrong, where, what to do."""
