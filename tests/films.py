"""The sample films at a quarter of their size, for tests that read and render them many times."""

from pathlib import Path

from PIL import Image

SAMPLES = Path(__file__).parents[1] / "samples"


def small_samples(folder: Path) -> Path:
    """Write them below `folder`, and return it."""
    for sample in SAMPLES.glob("*/*.jpeg"):
        smaller = folder / sample.relative_to(SAMPLES)
        smaller.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(sample) as film:
            film.reduce(4).save(smaller)
    return folder
