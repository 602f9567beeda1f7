"""The recipe file of the pipeline, as typed values."""

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.learning.recipe import STEP, BadRecipe, Recipe

SHIPPED_RECIPE = Path(__file__).with_name("recipe.toml")


@dataclass(frozen=True)
class Sizes:
    """The side of the views, in pixels, by the completed share of the run."""

    steps: tuple[tuple[float, int], ...]

    def at(self, epoch: int, epochs: int) -> int:
        """Return the side of the views in `epoch`, which counts from 0."""
        done = epoch / epochs
        return next(size for start, size in reversed(self.steps) if done >= start)

    @property
    def last(self) -> int:
        return self.steps[-1][1]


@dataclass(frozen=True)
class TeacherRecipe:
    """Training of the teachers: one for each seed, with AdamW and one learning-rate cycle."""

    seeds: tuple[int, ...]
    epochs: int
    sizes: Sizes
    batch_size: int
    learning_rate: float  # of the pretrained layers
    head_learning_rate: float  # of the new last layer
    weight_decay: float
    label_smoothing: float
    averaging: float  # decay of the exponential moving average of the weights


@dataclass(frozen=True)
class StudentRecipe:
    """Training of the students: one for each seed, with SGD.

    The learning rate rises in the first epochs, stays, and falls from `decay_from` on.
    """

    seeds: tuple[int, ...]
    epochs: int
    sizes: Sizes
    batch_size: int
    learning_rate: float
    decay_from: float  # share of the run
    weight_decay: float
    temperature: float  # softens the teachers' answers (Hinton et al., 2015)
    adults_an_epoch: int  # unlabelled films of adults beside the children's
    averaging: float
    kept_every: int  # epochs between checkpoints


@dataclass(frozen=True)
class Counts:
    """The number of training images of each sort."""

    whole: int  # of children
    adults: int
    spoilt: int  # of each sort: inverted, turned, laid out
    others: int
    drawn: int


@dataclass(frozen=True)
class GateRecipe:
    """Training of the gate, with AdamW and one learning-rate cycle."""

    seed: int
    epochs: int
    batch_size: int
    learning_rate: float
    label_smoothing: float
    averaging: float
    counts: Counts
    views: Recipe  # variations in addition to those of `laboratory/outliers.py`


@dataclass(frozen=True)
class LaboratoryRecipe:
    """Every number of the pipeline."""

    fold: int
    folds: int
    prevalence: float  # the prevalence that probabilities are calibrated for
    views: Recipe  # only its augmentations are used
    teacher: TeacherRecipe
    student: StudentRecipe
    gate: GateRecipe


def load_recipe(path: Path) -> LaboratoryRecipe:
    """Read a recipe file; raise BadRecipe with a sentence if it can't be used."""
    try:
        values = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BadRecipe(f"{path} can't be read as a recipe: {error}.") from error
    try:
        return LaboratoryRecipe(
            **values["split"],
            **values["calibration"],
            views=Recipe(**values["views"]),
            teacher=_section(TeacherRecipe, values["teacher"]),
            student=_section(StudentRecipe, values["student"]),
            gate=_gate(values["gate"]),
        )
    except KeyError as error:
        raise BadRecipe(f"{path} has no section [{error.args[0]}].") from error
    except TypeError as error:
        raise BadRecipe(f"{path}: {error}. laboratory/recipe.py lists the fields.") from error


def _section(kind: type[Any], values: dict[str, Any]) -> Any:  # noqa: ANN401 - one of two classes
    values = values | {"sizes": _sizes(values["sizes"]), "seeds": tuple(values["seeds"])}
    known = {field.name for field in dataclasses.fields(kind)}
    if missing := known ^ values.keys():
        raise TypeError(f"the fields {', '.join(sorted(missing))} are missing or unknown")
    return kind(**values)


def _gate(values: dict[str, Any]) -> GateRecipe:
    made = {"counts": Counts(**values["counts"]), "views": Recipe(**values["views"])}
    return GateRecipe(**values | made)


def _sizes(steps: list[list[float]]) -> Sizes:
    sizes = Sizes(tuple((float(start), int(size)) for start, size in steps))
    starts = [start for start, _ in sizes.steps]
    if not starts or starts[0] != 0 or starts != sorted(starts):
        raise TypeError("sizes must start at 0.0 and rise")
    if any(size % STEP for _, size in sizes.steps):
        raise TypeError(f"sizes must be multiples of {STEP} pixels")
    return sizes
