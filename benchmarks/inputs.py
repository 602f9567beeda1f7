"""The films to measure with, and where the measurements leave what they need."""

from itertools import chain
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "build" / "bench"

# The labels take turns: the films of one are much larger than those of the other.
SAMPLES = list(
    chain.from_iterable(
        zip(
            *(
                sorted((ROOT / "samples" / label).glob("*.jpeg"))
                for label in ("NORMAL", "PNEUMONIA")
            ),
            strict=True,
        )
    )
)
