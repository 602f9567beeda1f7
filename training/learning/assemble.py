"""`cxr-alert assemble`: runs of one recipe, averaged, with a gate, as the served file."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console

from serving.shipped import NETWORK_FILE
from training.dataset.folder import Film, find_films
from training.dataset.pixels import load_films
from training.evaluation.evaluate import evaluate_films, save
from training.evaluation.predictor import load_network
from training.learning.gate import Gate
from training.learning.network import ResNet18
from training.learning.norms import settle_norms
from training.learning.recipe import BadRecipe, load_recipe
from training.learning.rescale import scale_of
from training.learning.run import PATIENTS
from training.learning.scale import PREVALENCE
from training.learning.serve import serve
from training.learning.train import network_to_start_from


def assemble(
    data: Path,
    runs: Sequence[Path],
    gate: Path | None,
    out: Path,
    prevalence: float = PREVALENCE,
    start: Path | None = None,
    share: float = 0.0,
) -> None:
    """Average the networks of `runs`, which began with one network, and serve them as one.

    They began with `start`; its weights make up `share` of the mean: what is learnt anew then
    forgets less of what was known (Wortsman et al., 2022, arXiv:2109.01903).

    The scale and the gate's limits are settled on the films held out, on the file as it is served.
    Leaves `cxr-resnet18.onnx`, `recipe.json`, `validation.txt`, `patients.txt`, `metrics.json`
    and `predictions.csv` in `out`. Raises BadRecipe for runs that held out different films.
    """
    recipe = load_recipe(runs[0] / "recipe.json")
    training, validation = _split(data, runs)
    out.mkdir(parents=True, exist_ok=True)
    for name in ("validation.txt", PATIENTS):
        shutil.copy(runs[0] / name, out)
    recipe.save(out / "recipe.json")
    network = averaged([run / "checkpoint.pt" for run in runs], recipe.frozen)
    if start and share:
        stored = load_films(training, recipe.stored_size, "training")
        first = network_to_start_from(start, validation, stored, recipe)
        blend(network, first, share, recipe.frozen)
    films = load_films(training, recipe.size, "training")
    settle_norms(network, films, recipe.seed, frozen=recipe.frozen)
    serve(network, _gate(gate), recipe, films, validation, out, prevalence)
    served = out / NETWORK_FILE
    evaluation = evaluate_films(validation, load_network(served))
    save(evaluation, data, out)
    Console().print(f"{served}: held-out AUC {evaluation.metrics['auc']:.4f}, {scale_of(served)}")


def averaged(checkpoints: Sequence[Path], frozen: int) -> ResNet18:
    """The mean of the averaged networks in `checkpoints`.

    The stem and the `frozen` first blocks do the same in all of them, by norms that were woken on
    other films each: they are the first one's.
    """
    states = [torch.load(each, map_location="cpu", weights_only=True) for each in checkpoints]
    network = ResNet18()
    mean = {
        name: value
        if name.startswith(_same(frozen))
        else torch.stack([state["averaged"][name].double() for state in states]).mean(dim=0)
        for name, value in states[0]["averaged"].items()
    }
    network.load_state_dict(mean)
    return network


def blend(network: ResNet18, other: ResNet18, share: float, frozen: int) -> None:
    """Move the weights of `network`, those `frozen` aside, by `share` of the way to `other`."""
    state, there = network.state_dict(), other.state_dict()
    for name, value in state.items():
        if value.is_floating_point() and not name.startswith(_same(frozen)):
            state[name] = value.lerp(there[name], share)
    network.load_state_dict(state)


def _same(frozen: int) -> tuple[str, ...]:
    """How the names of the weights begin that `frozen` blocks leave as they are."""
    return ("stem.", *(f"blocks.{block}." for block in range(frozen))) if frozen else ()


def _held_out(run: Path) -> list[str]:
    return (run / "validation.txt").read_text().split()


def _gate(path: Path | None) -> Gate | None:
    if path is None:
        return None
    gate = Gate()
    gate.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return gate.eval()


def _split(data: Path, runs: Sequence[Path]) -> tuple[list[Film], list[Film]]:
    """Training and held-out films of `runs`."""
    lists = [set(_held_out(run)) for run in runs]
    if any(each != lists[0] for each in lists):
        raise BadRecipe("The runs held out different films: name runs of one fold.")
    films = [film for film in find_films(data) if film.split != "test"]
    held = [film for film in films if str(film.path.relative_to(data)) in lists[0]]
    if len(held) != len(lists[0]):
        raise BadRecipe(f"Films that the runs held out are not below {data}: name their folder.")
    patients = {film.patient for film in held}
    return [film for film in films if film.patient not in patients], held
