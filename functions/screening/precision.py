"""Local precision: how many of a network's alerts the readers confirmed. Pure.

The worklist computes it daily and stores it where mails and results read it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

FEWEST_REVIEWED = 50


@dataclass(frozen=True)
class LocalPrecision:
    """Local precision: `confirmed` of a network's last `of` reviewed positives show pneumonia.

    `low` and `high` are the bounds of the 95 % interval of that share, from 0 to 1.
    """

    confirmed: int
    of: int
    low: float
    high: float


def sentence(precision: LocalPrecision | None) -> str | None:
    """Return the line to show with a positive, or None with fewer than 50 reviewed positives."""
    if precision is None or precision.of < FEWEST_REVIEWED:
        return None
    return (
        f"Here, {precision.confirmed} of the last {precision.of} such alerts were confirmed, "
        f"{precision.low * 100:.0f} to {precision.high * 100:.0f} %."
    )


def as_text(by_network: Mapping[str, LocalPrecision]) -> str:
    """Return the precision of each network as JSON, by the network's digest."""
    return json.dumps({network: asdict(each) for network, each in by_network.items()})


def read_text(text: str, network: str) -> LocalPrecision | None:
    """Return one network's precision from the output of `as_text`, or None if absent."""
    try:
        return precision_from(json.loads(text)[network])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def precision_from(facts: Any) -> LocalPrecision | None:  # noqa: ANN401 - any part of JSON
    """Return the precision that JSON describes, or None for anything else."""
    try:
        confirmed, of = int(facts["confirmed"]), int(facts["of"])
        low, high = float(facts["low"]), float(facts["high"])
    except (ValueError, KeyError, TypeError):
        return None
    if not (0 <= confirmed <= of and 0 <= low <= high <= 1):
        return None
    return LocalPrecision(confirmed, of, low, high)
