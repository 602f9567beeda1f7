"""The whole pipeline on a few films, with every real stage."""

import csv
import json
import runpy
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
from laboratory.rejection import rejection
from laboratory.student import train_student
from laboratory.teacher import Teachers
from laboratory.yardstick import YARDSTICK, yardstick
from serving.network import Network
from serving.shipped import SHIPPED_NETWORK
from tests.films import small_samples
from tests.integration.serving_container import brightness_network
from training.dataset.folder import BadDataset
from training.learning.recipe import BadRecipe

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # PyTorch's exporter's

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


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    below = tmp_path_factory.mktemp("images")
    random = np.random.default_rng(1)
    for place, count in (("others/noise", 3), ("others/static", 4), ("adults", 6)):
        folder = below / place
        folder.mkdir(parents=True)
        for number in range(count):
            grey = random.integers(0, 256, (64, 64), dtype=np.uint8)
            Image.fromarray(grey).save(folder / f"{number}.png")
    return Folders(small_samples(below / "films"), None, below / "adults", below / "others")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "recipe.toml"
    path.write_text(SMALL)
    return path


@pytest.fixture(scope="module")
def made(folders: Folders, recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run of the one command."""
    out = tmp_path_factory.mktemp("made")
    command = ["laboratory", "make", "--data", folders.data, "--adults", folders.adults]
    command += ["--others", folders.others, "--recipe", recipe, "--out", out]
    with pytest.MonkeyPatch.context() as typed:
        typed.setattr(sys, "argv", [*map(str, command)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_module("laboratory", run_name="__main__")
    assert ended.value.code == 0
    return out


def test_one_command_leads_from_films_to_the_served_file(
    made: Path, folders: Folders, recipe: Path
) -> None:
    network = Network(made / "network-1" / "cxr-resnet18.onnx", threads=1)
    assert network.size == 80
    assert network.prevalence == 0.19
    answers = network.answers(np.zeros((80, 80), dtype=np.uint8))
    assert set(answers) == {"probabilities", "gate", "map"}
    metrics = json.loads((made / "network-1" / "metrics.json").read_text())
    held_out = (made / "network-1" / "validation.txt").read_text().splitlines()
    assert metrics["films"] == len(held_out) == 8
    with (made / "student-1" / "curve.csv").open() as file:
        assert [row["size"] for row in csv.DictReader(file)] == ["64", "80"]

    # A second run finds every stage finished, and leaves the same file.
    before = (made / "student-1" / "weights.pt").stat().st_mtime_ns
    make_network(folders, recipe, made)
    assert (made / "student-1" / "weights.pt").stat().st_mtime_ns == before


def test_an_interrupted_student_continues_to_the_same_weights(
    made: Path, folders: Folders, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    plan = load_recipe(recipe)
    films = load(folders, plan)
    teachers = Teachers([made / f"teacher-{seed}" for seed in plan.teacher.seeds])
    with monkeypatch.context() as patched:
        patched.setattr("laboratory.student.report", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train_student(films, teachers, plan, 1, tmp_path)
    train_student(films, teachers, plan, 1, tmp_path)
    one, other = (torch.load(each / "weights.pt") for each in (made / "student-1", tmp_path))
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


def test_rejection_measures_every_kind_and_only_adults_held_out(
    folders: Folders, tmp_path: Path
) -> None:
    result = rejection(folders.others, SHIPPED_NETWORK, tmp_path, 0.1, folders.adults)
    assert result == json.loads((tmp_path / "rejection.json").read_text())
    assert {kind: row["images"] for kind, row in result.items()} == {
        "noise": 3,
        "static": 4,
        "adults held out": 2,
    }
    assert all(row["rejected"] == 1 and row["alerts"] == 0 for row in result.values())


def test_the_selection_metric_compares_networks_with_the_first(
    folders: Folders, tmp_path: Path
) -> None:
    by_brightness = brightness_network(tmp_path / "brightness.onnx")
    result = yardstick(folders.data, None, [SHIPPED_NETWORK, by_brightness], tmp_path)
    assert result == json.loads((tmp_path / "yardstick.json").read_text())
    shipped, other = result.values()
    assert shipped[YARDSTICK]["difference"] == 0
    assert shipped[YARDSTICK]["interval"] == [0, 0]
    assert shipped["AUC, as they are"]["value"] > 0.9
    assert other["AUC, as they are"]["value"] < 0.9
    assert other[YARDSTICK]["difference"] == pytest.approx(
        other[YARDSTICK]["value"] - shipped[YARDSTICK]["value"]
    )


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
def test_a_recipe_that_cannot_be_used_is_one_sentence(
    wrong: str, right: str, tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(SMALL.replace(wrong, right, 1))
    with pytest.raises(BadRecipe) as caught:
        load_recipe(recipe)
    assert str(recipe) in str(caught.value)


def test_the_shipped_recipe_can_be_read() -> None:
    recipe = load_recipe(SHIPPED_RECIPE)
    assert recipe.student.epochs >= 150
    assert recipe.student.sizes.last % 16 == 0
