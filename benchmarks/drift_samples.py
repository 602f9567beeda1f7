"""Make the sample films of `functions/drift`: `python -m benchmarks.drift_samples`.

They are six films of `samples/`, small enough for a function's package, with the shipped network's
answers. Three have probabilities near one half, where any change has most effect.
"""

import io
import json
from pathlib import Path

from PIL import Image

from cxr_alert.local.processes import ROOT
from serving.network import Network
from serving.shipped import SHIPPED_NETWORK

OUT = ROOT / "functions" / "drift" / "films"
FILMS = (
    "NORMAL/IM-0735-0001.jpeg",
    "NORMAL/NORMAL2-IM-0635-0001.jpeg",
    "PNEUMONIA/person1011_bacteria_2942.jpeg",
    "PNEUMONIA/person1431_bacteria_3698.jpeg",
    "PNEUMONIA/person1604_virus_2782.jpeg",
    "PNEUMONIA/person80_virus_150.jpeg",
)
SIDE, QUALITY = 600, 85


def _small(path: Path) -> bytes:
    with Image.open(path) as film:
        grey = film.convert("L")
    grey.thumbnail((SIDE, SIDE))
    packed = io.BytesIO()
    grey.save(packed, "JPEG", quality=QUALITY)
    return packed.getvalue()


def main() -> int:
    network = Network(SHIPPED_NETWORK, 1)
    known = {}
    for film in FILMS:
        path = ROOT / "samples" / film
        small = _small(path)
        (OUT / path.name).write_bytes(small)
        known[path.name] = f"{network.classify(small)[1]:.6f}"
    answers = {"network": network.name, "probabilities": known}
    (OUT / "known.json").write_text(json.dumps(answers, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
