"""The whole pipeline on a few films, with every real stage."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from laboratory.films import Folders, load
from laboratory.gate import sources_of
from laboratory.leave_one_out import leave_one_out
from laboratory.pipeline import make_network
from laboratory.recipe import SHIPPED_RECIPE, load_recipe
from laboratory.student import train_student
from laboratory.teacher import Teachers, train_teacher
from serving.network import Network
from training.dataset.folder import BadDataset
from training.learning.recipe import BadRecipe

ROOT = Path(__file__).parents[2]
SMALL = """
[split]
fold = 0
folds = 3

[calibration]
prevalence = 0.19

[views]
cropped = 0.5
tone_curve = 0.3
shading = 0.3

[teacher]
seeds = [1, 2]
epochs = 1
sizes = [[0.0, 64]]
batch_size = 4
learning_rate = 1e-3
head_learning_rate = 5e-3
weight_decay = 0.02
label_smoothing = 0.03
averaging = 0.9

[student]
seeds = [1]
epochs = 2
sizes = [[0.0, 64], [0.5, 80]]
view = 80
batch_size = 4
learning_rate = 0.01
decay_from = 0.5
weight_decay = 5e-4
temperature = 2.0
adults_an_epoch = 4
averaging = 0.9
kept_every = 1

[gate]
seed = 1
epochs = 1
batch_size = 8
learning_rate = 1e-3
label_smoothing = 0.05
averaging = 0.9

[gate.counts]
whole = 12
adults = 6
spoilt = 2
others = 6
drawn = 2

[gate.views]
cropped = 1.0
"""


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    random = np.random.default_rng(1)
    for place, count in (("others/noise", 3), ("others/static", 4), ("adults", 6)):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        for number in range(count):
            grey = random.integers(0, 256, (64, 64), dtype=np.uint8)
            Image.fromarray(grey).save(folder / f"{number}.png")
    return Folders(ROOT / "samples", None, tmp_path / "adults", tmp_path / "others")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(SMALL)
    return path


def test_one_command_leads_from_films_to_the_served_file(
    folders: Folders, recipe: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "laboratory", "make", "--data", folders.data]
    command += ["--adults", folders.adults, "--others", folders.others, "--recipe", recipe]
    done = subprocess.run(
        [*map(str, command), "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    network = Network(out / "network-1" / "cxr-resnet18.onnx", threads=1)
    assert network.size == 80
    assert network.prevalence == 0.19
    answers = network.answers(np.zeros((80, 80), dtype=np.uint8))
    assert set(answers) == {"probabilities", "gate", "map"}
    metrics = json.loads((out / "network-1" / "metrics.json").read_text())
    held_out = (out / "network-1" / "validation.txt").read_text().splitlines()
    assert metrics["films"] == len(held_out) == 8
    with (out / "student-1" / "curve.csv").open() as file:
        assert [row["size"] for row in csv.DictReader(file)] == ["64", "80"]

    # A second run finds every stage finished, and leaves the same file.
    before = (out / "student-1" / "weights.pt").stat().st_mtime_ns
    make_network(folders, recipe, out)
    assert (out / "student-1" / "weights.pt").stat().st_mtime_ns == before


def test_an_interrupted_student_continues_to_the_same_weights(
    folders: Folders, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    plan = load_recipe(recipe)
    films = load(folders, plan)
    teacher = tmp_path / "teacher"
    train_teacher(films, plan, 1, teacher)
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    train_student(films, Teachers([teacher]), plan, 1, whole)

    with monkeypatch.context() as patched:
        patched.setattr("laboratory.student.report", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train_student(films, Teachers([teacher]), plan, 1, parted)
    train_student(films, Teachers([teacher]), plan, 1, parted)
    one, other = (torch.load(each / "weights.pt") for each in (whole, parted))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_each_kind_is_evaluated_with_a_gate_trained_without_it(
    folders: Folders, recipe: Path, tmp_path: Path
) -> None:
    result = leave_one_out(folders, load_recipe(recipe), tmp_path / "left", at_once=1)
    assert result == json.loads((tmp_path / "left" / "leave-one-out.json").read_text())
    assert {kind: (row["images"], row["without"]) for kind, row in result.items()} == {
        "noise": (3, ["noise"]),
        "static": (4, ["static"]),
    }


def test_a_run_of_another_recipe_is_not_continued(
    folders: Folders, recipe: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "recipe.toml").write_text(SMALL.replace("epochs = 2", "epochs = 3"))
    with pytest.raises(BadRecipe, match="another recipe"):
        make_network(folders, recipe, out)


def test_folders_without_images_are_one_sentence(folders: Folders, recipe: Path) -> None:
    empty = Folders(folders.data, None, folders.adults, folders.adults)
    with pytest.raises(BadDataset, match="a folder for each kind"):
        sources_of(empty, load_recipe(recipe))


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("fold = 0", "fould = 0"),
        ("sizes = [[0.0, 64]]", "sizes = [[0.0, 65]]"),
        ("sizes = [[0.0, 64]]", "sizes = [[0.5, 64]]"),
        ("[gate]", "[gait]"),
        ("epochs = 1", "epochs ="),
        ("tone_curve", "tone_curves"),
    ],
)
def test_a_recipe_that_cannot_be_used_is_one_sentence(wrong: str, right: str, recipe: Path) -> None:
    recipe.write_text(SMALL.replace(wrong, right, 1))
    with pytest.raises(BadRecipe) as caught:
        load_recipe(recipe)
    assert str(recipe) in str(caught.value)


def test_the_shipped_recipe_can_be_read() -> None:
    recipe = load_recipe(SHIPPED_RECIPE)
    assert recipe.student.epochs >= 150
    assert recipe.student.sizes.last % 16 == 0
