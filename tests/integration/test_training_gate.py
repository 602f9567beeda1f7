"""Gates trained on few pictures: what the commands `gate` and `left-out` do, not how well."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from serving.gate import KINDS
from serving.shipped import SHIPPED_NETWORK
from training.dataset.folder import BadDataset
from training.learning.gate import Gate
from training.learning.gate_films import Counts
from training.learning.left_out import left_out, show
from training.learning.recipe import Recipe
from training.learning.train_gate import GateFolders, train_gate

ROOT = Path(__file__).parents[2]
RECIPE = Recipe(folds=3)
FEW = Counts(whole=40, adults=10, spoilt=5, others=20, drawn=5)


@pytest.fixture
def folders(tmp_path: Path) -> GateFolders:
    random = np.random.default_rng(1)
    for place, count in (
        ("others/clouds", 3),
        ("others/noise", 4),
        ("others/stripes", 5),
        ("adults", 6),
    ):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        for number in range(count):
            grey = random.integers(0, 256, (64, 64), dtype=np.uint8)
            Image.fromarray(grey).save(folder / f"{number}.png")
    return GateFolders(ROOT / "samples", tmp_path / "others", tmp_path / "adults", None)


def test_a_gate_is_left_as_assemble_takes_it(folders: GateFolders, tmp_path: Path) -> None:
    train_gate(folders, SHIPPED_NETWORK, tmp_path / "gate", RECIPE, FEW)
    weights = torch.load(tmp_path / "gate" / "gate.pt", weights_only=True)
    Gate().load_state_dict(weights)
    assert len(weights["head.bias"]) == len(KINDS)


def test_each_kind_is_judged_by_a_gate_that_never_saw_it(
    folders: GateFolders, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = left_out(folders, SHIPPED_NETWORK, tmp_path / "out", RECIPE, 2, FEW)
    assert result == json.loads((tmp_path / "out" / "left-out.json").read_text())
    assert {kind: (row["pictures"], row["without"]) for kind, row in result.items()} == {
        "clouds": (3, ["clouds", "noise"]),
        "noise": (4, ["clouds", "noise"]),
        "stripes": (5, ["stripes"]),
    }
    assert all(0 <= row["refused"] <= 1 for row in result.values())
    show(result)
    assert "stripes" in capsys.readouterr().out


def test_a_folder_without_kinds_is_one_sentence(folders: GateFolders, tmp_path: Path) -> None:
    empty = GateFolders(folders.data, folders.data / "NORMAL", folders.adults, None)
    with pytest.raises(BadDataset, match="a folder for each kind"):
        train_gate(empty, SHIPPED_NETWORK, tmp_path, RECIPE, FEW)
