"""`cxr-alert strangers`: what the gate takes other pictures for."""

import json
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table

from imaging.readers import read_grey
from imaging.refusals import NotReadable
from serving.gate import KINDS
from serving.network import Network
from training.dataset.folder import SUFFIXES, BadDataset
from training.evaluation.calibration import wilson
from training.evaluation.metrics import Json
from training.evaluation.renderings import ask


def strangers(folder: Path, model: Path, out: Path, cutoff: float) -> Json:
    """Show the network in `model` the pictures in each folder below `folder`.

    For each folder: how many pictures, what share the gate refuses, as what, and what share would
    alarm at `cutoff`. Leaves `strangers.json` in `out`, and returns what that holds.
    """
    threads = os.cpu_count() or 1
    network = Network(model, threads)
    result = {
        each.name: _told(network, paths, cutoff, threads)
        for each in sorted(path for path in folder.iterdir() if path.is_dir())
        if (paths := [path for path in sorted(each.rglob("*")) if path.suffix.lower() in SUFFIXES])
    }
    if not result:
        raise BadDataset(f"No folder of JPEG or PNG lies below {folder}: one for each kind.")
    out.mkdir(parents=True, exist_ok=True)
    (out / "strangers.json").write_text(json.dumps(result, indent=2) + "\n")
    return result


def show(result: Json, cutoff: float) -> None:
    """Print a table with a row for each folder."""
    table = Table(caption="95 % Wilson intervals.")
    for column in ("pictures", "number", "refused", f"alarm at {cutoff:g}"):
        table.add_column(column, no_wrap=True)
    for name, row in result.items():
        table.add_row(name, *refusals_told(row), f"{row['alarming']:.3f}")
    Console(highlight=False, soft_wrap=True).print(table)


def refusals(refused: int, pictures: int) -> Json:
    """How many pictures there are, and what share of them is refused."""
    rate = wilson(refused, pictures)
    return {
        "pictures": pictures,
        "refused": rate.share,
        "refused_interval": [rate.low, rate.high],
    }


def refusals_told(row: Json) -> tuple[str, str]:
    """The number of pictures and the share refused of `refusals`, for a table."""
    low, high = row["refused_interval"]
    return f"{row['pictures']:,}", f"{row['refused']:.3f} ({low:.3f}-{high:.3f})"


def _told(network: Network, paths: Sequence[Path], cutoff: float, threads: int) -> Json:
    def one(path: Path) -> tuple[float, int]:
        try:
            return ask(network, read_grey(path.read_bytes()))
        except (OSError, NotReadable) as error:
            raise BadDataset(f"{path} can't be read: {error} Replace or remove it.") from error

    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(one, paths))
    kinds = Counter(KINDS[kind] for _, kind in found)
    return refusals(len(found) - kinds["chest"], len(found)) | {
        "as": {kind: kinds[kind] for kind in KINDS if kinds[kind]},
        "alarming": sum(p >= cutoff and kind == 0 for p, kind in found) / len(found),
    }
