"""Signals that end a command."""

import signal


def end_in_order() -> None:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does: it removes what it made."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
