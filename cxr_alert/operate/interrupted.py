"""The message of a command that is interrupted halfway."""

from collections.abc import Iterator
from contextlib import contextmanager

from cxr_alert.output import say


@contextmanager
def done_stays_done() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        say("Completed work is kept; the same command does the rest.", error=True)
        raise
