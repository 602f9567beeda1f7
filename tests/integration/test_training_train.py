import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from imaging.network_input import network_input
from imaging.readers import read_grey
from serving.gate import KINDS
from serving.network import Network
from serving.shipped import NETWORK_FILE
from tests.films import small_samples
from tests.typed import typed
from training.learning.fit import Labelled, fit, predict_logits
from training.learning.network import ResNet18, standardise
from training.learning.recipe import Recipe, load_recipe
from training.learning.rescale import rescale, scale_of
from training.learning.run import load_checkpoint
from training.learning.scale import Scale
from training.learning.train import network_to_start_from

ROOT = Path(__file__).parents[2]
SMALL = Recipe(epochs=2, batch_size=10, first_size=32, size=32, folds=3)


pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # PyTorch's exporter's


def nothing(epoch: int, loss: float, network: ResNet18) -> None:
    """Ignore an epoch."""


def stop_after(stop: int) -> Callable[[int, float, ResNet18], None]:
    def after_epoch(epoch: int, loss: float, network: ResNet18) -> None:
        if epoch == stop:
            raise KeyboardInterrupt

    return after_epoch


@pytest.fixture(scope="module")
def films() -> Labelled:
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (20, 1, 48, 48), dtype=torch.uint8, generator=random)
    return Labelled(pixels, torch.arange(20) % 2)


@pytest.fixture(scope="module")
def small(films: Labelled, tmp_path_factory: pytest.TempPathFactory) -> ResNet18:
    """Return the network of an uninterrupted run of the recipe SMALL."""
    return fit(films, SMALL, tmp_path_factory.mktemp("small") / "checkpoint.pt", nothing)


COMPARED = replace(SMALL, mixup=0.0, consistency=1.0)


@pytest.mark.parametrize("recipe", [SMALL, COMPARED])
def test_an_interrupted_run_goes_on_to_the_same_network(
    tmp_path: Path, films: Labelled, small: ResNet18, recipe: Recipe
) -> None:
    straight = small if recipe is SMALL else fit(films, recipe, tmp_path / "whole.pt", nothing)
    with pytest.raises(KeyboardInterrupt):
        fit(films, recipe, tmp_path / "broken.pt", stop_after(0))
    resumed = fit(films, recipe, tmp_path / "broken.pt", nothing)
    assert torch.equal(predict_logits(straight, films.films), predict_logits(resumed, films.films))


def test_a_run_that_starts_from_another_begins_where_that_ended(
    tmp_path: Path, films: Labelled, small: ResNet18
) -> None:
    still = replace(SMALL, epochs=1, learning_rate=1e-9)
    second = fit(films, still, tmp_path / "second.pt", nothing, small)
    for one, other in zip(small.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=0.0)


def test_frozen_blocks_stay_as_they_started(
    tmp_path: Path, films: Labelled, small: ResNet18
) -> None:
    recipe = replace(SMALL, epochs=1, frozen=4, balanced=1, cropped=0.5, contrast=0.3)
    network = fit(films, recipe, tmp_path / "second.pt", nothing, small)
    shown = films.films.float()
    torch.testing.assert_close(_early(network, shown), _early(small, shown))
    late, before = network.blocks[4:].state_dict(), small.blocks[4:].state_dict()
    assert not torch.equal(late["4.conv1.weight"], before["4.conv1.weight"])


def _early(network: ResNet18, films: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = network.blocks[:4](network.stem(standardise(films)))
    return found


def test_a_network_learns_to_separate_its_films(tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(144) % 2
    pixels = torch.randint(0, 60, (144, 1, 48, 48), generator=random)
    pixels[labels == 1, :, 14:34, 14:34] += 150  # a bright patch in the middle
    recipe = Recipe(epochs=2, batch_size=8, first_size=32, size=32, learning_rate=0.02)
    learned = fit(Labelled(pixels.to(torch.uint8), labels), recipe, tmp_path / "c.pt", nothing)
    shown = torch.nn.functional.interpolate(pixels.float(), (32, 32), mode="bilinear")
    guesses = predict_logits(learned.eval(), shown.to(torch.uint8)).argmax(dim=1)
    assert float((guesses == labels).float().mean()) > 0.95


@dataclass(frozen=True)
class Run:
    """A finished run of `train` on the samples, and what was typed for it."""

    data: Path
    out: Path
    recipe: Path
    stdout: str

    @property
    def typed(self) -> tuple[str | Path, ...]:
        return ("--data", self.data, "--out", self.out, "--recipe", self.recipe)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run that began with the shipped network, as is usual; jobs begin from scratch."""
    folder = tmp_path_factory.mktemp("run")
    usual = load_recipe(ROOT / "model" / "recipe.json")
    replace(usual, folds=3, epochs=2).save(folder / "small.json")
    films = small_samples(folder / "films")
    started = Run(films, folder / "out", folder / "small.json", "")
    result = typed("train", *started.typed)
    assert result.returncode == 0, result.stderr
    return replace(started, stdout=result.stdout)


def test_a_folder_becomes_a_network_and_its_measure(run: Run) -> None:
    metrics = json.loads((run.out / "metrics.json").read_text())
    assert metrics["films"] == len((run.out / "validation.txt").read_text().splitlines())
    assert set(metrics["at"]) == {"0.5", "0.1"}
    rows = (run.out / "predictions.csv").read_text().splitlines()
    assert len(rows) == 1 + metrics["films"]
    assert (run.out / NETWORK_FILE).stat().st_size < 25_000_000
    assert "epoch   2/2" in run.stdout
    told = " ".join(run.stdout.split())
    assert "are held out. Even if the network is right about all of them" in told
    assert Network(run.out / NETWORK_FILE, threads=1).has_gate
    curve = (run.out / "curve.csv").read_text().splitlines()
    assert [row.partition(",")[0] for row in curve] == ["epoch", "1", "2"]


def test_a_finished_run_is_not_run_again(run: Run) -> None:
    again = typed("train", *run.typed)
    assert again.returncode == 0, again.stderr
    assert "is finished: there is nothing left to train" in " ".join(again.stdout.split())


def test_the_network_of_a_run_can_be_the_start_of_another(run: Run) -> None:
    start = network_to_start_from(run.out, [], torch.empty(0), SMALL).state_dict()
    ended = load_checkpoint(run.out / "checkpoint.pt")["averaged"]
    assert all(torch.equal(value, ended[name]) for name, value in start.items())


@pytest.mark.parametrize(
    ("start", "complaint"),
    [("out", "has learned from the patients of"), ("", "not the folder of a training")],
)
def test_a_start_that_knows_the_held_out_patients_is_refused(
    run: Run, tmp_path: Path, start: str, complaint: str
) -> None:
    another_fold = tmp_path / "fold.json"
    replace(SMALL, fold=1).save(another_fold)
    place = ("--out", tmp_path / "third", "--start", run.out.parent / start)
    refused = typed("train", "--data", run.data, *place, "--recipe", another_fold)
    assert refused.returncode == 2
    assert complaint in refused.stderr


def test_a_run_does_not_go_on_with_other_films_or_another_recipe(run: Run, tmp_path: Path) -> None:
    fewer = tmp_path / "fewer"
    shutil.copytree(run.data, fewer)
    next(fewer.glob("PNEUMONIA/*")).unlink()
    other_films = typed("train", "--data", fewer, *run.typed[2:])
    assert other_films.returncode == 2
    assert "on other films" in other_films.stderr

    other_recipe = typed("train", *run.typed, "--seed", "2")
    assert other_recipe.returncode == 2
    assert "holds a run of another recipe" in other_recipe.stderr


def test_it_keeps_the_gate_and_the_patients_of_the_shipped_network(run: Run) -> None:
    network = Network(run.out / NETWORK_FILE, threads=1)
    film = next((ROOT / "samples" / "NORMAL").glob("*.jpeg")).read_bytes()
    kinds = [
        KINDS[network.answers(each)["gate"].argmax()]
        for upright in [network_input(read_grey(film), network.size)]
        for each in (upright, 255 - upright)
    ]
    assert kinds == ["chest", "inverted"]
    shipped, known = (
        set((folder / "patients.txt").read_text().split()) for folder in (ROOT / "model", run.out)
    )
    assert known > shipped
    assert len(known - shipped) == 16  # each film to train on is of another patient


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--data", "nowhere"], "nowhere is not a folder"),
        (["--data", "events"], "No JPEG, PNG or DICOM film is in a folder NORMAL"),
        (["--data", "samples", "--recipe", "README.md"], "README.md can't be read as a recipe"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, arguments: list[str], complaint: str) -> None:
    result = typed("train", *arguments, "--out", tmp_path)
    assert result.returncode == 2
    assert complaint in result.stderr
    assert "Traceback" not in result.stderr


def test_a_folder_that_cant_be_trained_on_is_one_sentence(tmp_path: Path) -> None:
    data, recipe = tmp_path / "films", tmp_path / "small.json"
    SMALL.save(recipe)

    def complaint() -> str:
        result = typed("train", "--data", data, "--out", tmp_path / "out", "--recipe", recipe)
        assert result.returncode == 2
        (sentence,) = result.stderr.splitlines()
        return sentence

    for name in ("train/0/IM-0001-0001.jpeg", "train/1/person1_virus_1.jpeg", "test/0/a.jpeg"):
        (data / name).parent.mkdir(parents=True)
        (data / name).write_bytes(b"no film")
    assert "part has no film of NORMAL" in complaint()
    for number in range(2, 5):
        (data / f"train/0/IM-000{number}-0001.jpeg").write_bytes(b"no film")
        (data / f"train/1/person{number}_virus_1.jpeg").write_bytes(b"no film")
    assert "can't be read: The file is neither a JPEG nor a PNG" in complaint()


def test_a_scale_equal_to_other_constants_of_the_network_can_be_changed(
    run: Run, tmp_path: Path
) -> None:
    """The exporter merges equal constants: those of the scale have a name of their own."""
    file = tmp_path / "network.onnx"
    scale = Scale(slope=1.0, intercept=0.0, prevalence=0.5)
    rescale(run.out / "full-precision.onnx", file, scale)
    assert scale_of(file) == scale
    rescale(file, file, Scale(slope=0.0, intercept=0.0, prevalence=0.25))
    network = Network(file, threads=1)
    film = np.zeros((network.size, network.size), dtype=np.uint8)
    assert network.answers(film)["probabilities"][1] == pytest.approx(0.25)
