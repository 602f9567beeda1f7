"""The container's header beside the probabilities, of at most 1,024 characters."""

from collections.abc import Sequence

_FULL = 99  # the cell with most evidence for pneumonia; 0 is no evidence, or against it


def attributes(model: str, gated: bool, cells: Sequence[float]) -> str:
    """Return `model=NAME`, then `gate=off` if the gate was overruled, then `map=` if requested.

    The map has two digits for each cell of a square grid, row by row: its share of the maximum.
    """
    parts = [f"model={model}"]
    if not gated:
        parts.append("gate=off")
    if cells:
        parts.append(f"map={packed(cells)}")
    return ",".join(parts)


def packed(cells: Sequence[float]) -> str:
    """Return two digits per cell: 00 for zero or less, 99 for the maximum."""
    most = max(cells)
    scale = _FULL / most if most > 0 else 0.0
    return "".join(f"{round(max(cell, 0.0) * scale):02d}" for cell in cells)
