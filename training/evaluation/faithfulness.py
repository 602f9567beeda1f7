"""`cxr-alert faithfulness`: whether the saliency map shows what the network uses.

Cells that the map marks are blurred in films with a positive finding (deletion), or are all that is
left of them (insertion). If the map is faithful, the evidence falls further, or returns further,
than with the same number of random cells, or with the cells of another film's map.
"""

import json
import os
from collections.abc import Hashable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy.special import logit

from imaging.grey import Grey
from imaging.network_input import network_input
from serving.network import Network
from training.dataset.chosen import chosen_films
from training.dataset.files import read_image
from training.dataset.folder import BadDataset
from training.evaluation.bootstrap import SEED
from training.evaluation.calibration import Floats
from training.evaluation.metrics import Json

SHARE = 0.2  # of the cells
DRAWS = 2000
_RANDOM = 3  # draws of random cells per film


def faithfulness(
    data: Path, model: Path, out: Path, cutoff: float, most: int, only: Path | None = None
) -> Json:
    """Measure the map of the network in `model` on at most `most` films that it finds positive.

    Returns by how much more the logit of pneumonia changes for the map's cells than for others,
    with the 95 % interval of a bootstrap over patients; writes `faithfulness.json` to `out`.
    """
    network = Network(model, os.cpu_count() or 1)
    ill = [film for film in chosen_films(data, only) if film.label == 1]
    ill = ill[:: max(1, len(ill) // most)]
    shown = [(film.patient, network_input(read_image(film.path), network.size)) for film in ill]
    answered = [(patient, grey, network.answers(grey)) for patient, grey in shown]
    found = [each for each in answered if each[2]["probabilities"][1] >= cutoff]
    if len(found) < 2 or "map" not in found[0][2]:
        raise BadDataset(f"{model} has no map, or finds pneumonia in fewer than two films.")
    random = np.random.default_rng(SEED)
    maps = [each["map"] for _, _, each in found]
    rows = []
    for index, (_, grey, _) in enumerate(found):
        marked = _most(maps[index])
        other = _most(maps[(index + 1) % len(maps)])
        drawn = [random.permutation(len(marked))[: marked.sum()] for _ in range(_RANDOM)]
        chance = [np.isin(np.arange(len(marked)), each) for each in drawn]
        rows.append([_both(network, grey, each) for each in (marked, other, *chance)])
    # [N, 2 + _RANDOM, 2]: evidence without the cells, and with them alone.
    evidence = np.array(rows)
    patients = [patient for patient, _, _ in found]
    random_cells = evidence[:, 2:].mean(axis=1)
    result: Json = {"network": network.name, "films": len(found), "share": SHARE}
    for name, against in (("random cells", random_cells), ("another map", evidence[:, 1])):
        gain = against - evidence[:, 0]
        result[name] = {
            "deletion": _interval(gain[:, 0], patients),
            "insertion": _interval(-gain[:, 1], patients),
        }
    out.mkdir(parents=True, exist_ok=True)
    (out / "faithfulness.json").write_text(json.dumps(result, indent=2) + "\n")
    return result


def blotted(grey: Grey, cells: NDArray[np.bool_]) -> Grey:
    """Return grey levels [S, S] with the `cells` of a square grid blurred beyond recognition."""
    side = int(np.sqrt(len(cells)))
    mask = Image.fromarray(cells.reshape(side, side).astype(np.uint8) * 255)
    mask = mask.resize(grey.shape[::-1], Image.Resampling.NEAREST)
    film = Image.fromarray(grey)
    blurred = film.filter(ImageFilter.GaussianBlur(grey.shape[0] / 8))
    return np.asarray(Image.composite(blurred, film, mask))


def _most(cells: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the SHARE of the cells with the largest values."""
    marked = np.zeros(len(cells), dtype=np.bool_)
    marked[np.argsort(-cells, kind="stable")[: round(SHARE * len(cells))]] = True
    return marked


def _both(network: Network, grey: Grey, cells: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the evidence for pneumonia without `cells`, and with them alone."""
    return _evidence(network, blotted(grey, cells)), _evidence(network, blotted(grey, ~cells))


def _evidence(network: Network, grey: Grey) -> float:
    return float(logit(np.clip(network.probabilities(grey)[1], 1e-7, 1 - 1e-7)))


def _interval(values: Floats, patients: Sequence[Hashable]) -> Json:
    """Return the mean of values [N] with its 95 % interval, resampling whole patients."""
    number = {each: place for place, each in enumerate(dict.fromkeys(patients))}
    owner = np.array([number[each] for each in patients])
    even = np.full(len(number), 1 / len(number))
    drawn = np.random.default_rng(SEED).multinomial(len(number), even, size=DRAWS)[:, owner]
    low, high = np.percentile((drawn * values).sum(axis=1) / drawn.sum(axis=1), [2.5, 97.5])
    return {"mean": float(values.mean()), "interval": [float(low), float(high)]}
