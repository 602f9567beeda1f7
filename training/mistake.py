"""What is wrong with what the user gave."""


class Mistake(Exception):
    """Ends a command with this one sentence: what was wrong, where, and what to do."""
