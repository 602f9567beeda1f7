"""The shares of other images that the gate rejects, by kind."""

import json
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table

from laboratory.films import adults_held_out, images_in
from serving.gate import KINDS
from serving.network import Network
from training.dataset.files import BadDataset, read_image
from training.evaluation.calibration import wilson
from training.evaluation.metrics import Json
from training.evaluation.renderings import ask


def rejection(
    folder: Path, model: Path, out: Path, cutoff: float, adults: Path | None = None
) -> Json:
    """Classify the images in each folder below `folder` with the network in `model`.

    For each folder: the number of images, the share that the gate rejects, as which kinds, and the
    share that would raise an alert at `cutoff`. Of the adults' films in `adults`, only those are
    measured that the pipeline holds out. Writes `rejection.json` to `out`, and returns its
    contents.
    """
    threads = os.cpu_count() or 1
    network = Network(model, threads)
    kinds = sorted(path for path in folder.iterdir() if path.is_dir())
    if not kinds:
        raise BadDataset(f"There is no folder in {folder}: put a folder for each kind there.")
    images = {each.name: images_in(each) for each in kinds}
    if adults:
        images["adults held out"] = adults_held_out(adults)
    result = {name: _measured(network, paths, cutoff, threads) for name, paths in images.items()}
    out.mkdir(parents=True, exist_ok=True)
    (out / "rejection.json").write_text(json.dumps(result, indent=2) + "\n")
    return result


def show(result: Json, cutoff: float) -> None:
    """Print a table with one row for each folder."""
    table = Table(caption="95 % Wilson intervals.")
    for column in ("images", "number", "rejected", f"alerts at {cutoff:g}"):
        table.add_column(column, no_wrap=True)
    table.add_column("rejected as")
    for name, row in result.items():
        named = ", ".join(f"{kind} {number}" for kind, number in row["as"].items())
        table.add_row(name, *rejected_cells(row), f"{row['alerts']:.3f}", named)
    Console(highlight=False, soft_wrap=True).print(table)


def rejected(number: int, images: int) -> Json:
    """Return the number of images, and the share of rejected ones with its interval."""
    rate = wilson(number, images)
    return {
        "images": images,
        "rejected": rate.share,
        "rejected_interval": [rate.low, rate.high],
    }


def rejected_cells(row: Json) -> tuple[str, str]:
    """Return number and share of `rejected` as table cells."""
    low, high = row["rejected_interval"]
    return f"{row['images']:,}", f"{row['rejected']:.3f} ({low:.3f}-{high:.3f})"


def _measured(network: Network, paths: Sequence[Path], cutoff: float, threads: int) -> Json:
    def one(path: Path) -> tuple[float, int]:
        return ask(network, read_image(path))

    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(one, paths))
    kinds = Counter(KINDS[kind] for _, kind in found if KINDS[kind] != "chest")
    return rejected(kinds.total(), len(found)) | {
        "as": dict(kinds.most_common()),
        "alerts": sum(p >= cutoff and kind == 0 for p, kind in found) / len(found),
    }
