"""The share of this network's alerts that local readers confirmed: one line of a result."""

from dataclasses import dataclass

FEWEST_REVIEWED = 50


@dataclass(frozen=True)
class LocalPrecision:
    """Of the last `of` reviewed positives of one network, `confirmed` show pneumonia.

    `low` and `high` bound the 95 % interval of that share, from 0 to 1.
    """

    confirmed: int
    of: int
    low: float
    high: float


def sentence(precision: LocalPrecision | None) -> str | None:
    """Return the line for a positive, or None where fewer than 50 positives were reviewed."""
    if precision is None or precision.of < FEWEST_REVIEWED:
        return None
    return (
        f"Here, {precision.confirmed} of the last {precision.of} such alerts were confirmed, "
        f"{precision.low * 100:.0f} to {precision.high * 100:.0f} %."
    )
