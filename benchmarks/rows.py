"""The output of a benchmark: rows of one table, each with one number or a comparison of two."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One line of the table.

    `noise` is half the range of the rounds as a share of their median, on the noisier side.
    `at_most` or `at_least` is the target for the ratio or, without `other`, for `ours`.
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
        """Return whether the target is met; None without a target or without a value."""
        value = self.ratio if self.other_name else self.ours
        if value is None or (self.at_most is None and self.at_least is None):
            return None
        return (self.at_most is None or value <= self.at_most) and (
            self.at_least is None or value >= self.at_least
        )

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio, "met": self.met}


def row_of(facts: dict[str, Any]) -> Row:
    """Return the row from the output of `Row.as_json`."""
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
    """Return the row for values of several rounds; without `other` if it could not be measured."""
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
    """Return half the range of the values as a share of their median."""
    return (max(values) - min(values)) / 2 / abs(statistics.median(values) or 1)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(round(share * len(ordered), 9)) - 1)]
