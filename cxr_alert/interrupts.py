"""Signals that end a command."""

import signal


def end_in_order() -> None:
    """Let SIGTERM and SIGHUP end a command like Ctrl-C, so that it removes temporary files."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
