"""The films for measurements, and the folder for their data."""

from itertools import chain
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "build" / "bench"

# The labels alternate: films of one label are much larger than those of the other.
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
