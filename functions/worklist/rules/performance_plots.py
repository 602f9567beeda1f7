"""The measures of each week, for the page's plots. Pure."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from worklist.rules.performance import Case, by, week


def weeks(chosen: Sequence[Case]) -> list[dict[str, Any]]:
    """Return precision and sensitivity of each week; None where no film was reviewed.

    Each has its interval; `read` and `drawnRead` count the films that it is computed from.
    """
    return [
        {
            "week": name,
            "precision": of.precision and asdict(of.precision),
            "sensitivity": of.sensitivity and asdict(of.sensitivity),
            "read": of.positives_read,
            "drawnRead": of.drawn_read,
        }
        for name, of in by(chosen, week).items()
    ]
