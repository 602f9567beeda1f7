"""The drift message: the films to look at, with the reasons. Pure."""

from collections.abc import Sequence

from drift.state import Signal, State
from screening.messages import printable

LONGEST = 100_000  # characters; SNS accepts 256 KB


def message(stack: str, state: State, new: Sequence[Signal]) -> tuple[str, str]:
    """Return subject and text; new signals come first, each with its films."""
    lines = [
        f"Look: the films of {stack} differ from this site's own reference, as of {state.through}.",
        "Nothing was changed. docs/runbook.md, section drift, says what to do for each signal;",
        "`cxr-alert drift` shows the history.",
        "",
    ]
    standing = [each for each in state.signals if each not in new]
    for each in (*new, *standing):
        lines += [printable(each.said), *(f"  {printable(key)}" for key in each.films), ""]
    signals = "1 signal" if len(new) == 1 else f"{len(new)} signals"
    subject = f"{stack}: look at the films, {signals} of drift"[:99]
    return subject, "\n".join(lines)[:LONGEST]
