"""What a benchmark says: rows of one table, each of which compares two numbers or tells one."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One line of the table.

    `noise` is half the range of the rounds as a share of their median, of the noisier side.
    `at_most` or `at_least` is what is wanted of the ratio or, without `other`, of `ours`.
    """

    section: str
    name: str
    unit: str
    ours: float | None
    other: float | None = None
    other_name: str = ""
    noise: float | None = None
    at_most: float | None = None
    at_least: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.ours / self.other if self.ours is not None and self.other else None

    @property
    def met(self) -> bool | None:
        """Whether the limit is kept; None where there is none, or nothing to hold against it."""
        value = self.ratio if self.other_name else self.ours
        if value is None or (self.at_most is None and self.at_least is None):
            return None
        return (self.at_most is None or value <= self.at_most) and (
            self.at_least is None or value >= self.at_least
        )

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio, "met": self.met}


def row_of(facts: dict[str, Any]) -> Row:
    """The row that `Row.as_json` gave."""
    return Row(**{name: value for name, value in facts.items() if name not in ("ratio", "met")})


def compare(
    section: str,
    name: str,
    unit: str,
    ours: Sequence[float],
    other: Sequence[float] | None = None,
    other_name: str = "",
    *,
    at_most: float | None = None,
    at_least: float | None = None,
) -> Row:
    """The row for values that were measured over several rounds; no `other` could not be had."""
    return Row(
        section,
        name,
        unit,
        statistics.median(ours),
        statistics.median(other) if other else None,
        other_name if other or not other_name else f"{other_name} (could not be run here)",
        max(noise(values) for values in (ours, other) if values),
        at_most,
        at_least,
    )


def noise(values: Sequence[float]) -> float:
    """Half the range of the values as a share of their median."""
    return (max(values) - min(values)) / 2 / abs(statistics.median(values) or 1)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(round(share * len(ordered), 9)) - 1)]
