"""The training recipe: every number that determines what is learned."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from screening.errors import Mistake
from training.dataset.split import FOLD, FOLDS, SEED

_MARGIN = 1.4  # films are stored this much larger than the network's input, as a margin for warping


BLOCKS = 8  # of a ResNet-18
VARIED = ("blurred", "erased", "sharpened", "framed")  # shares of films that are varied in this way
_SHARES = (*VARIED, "label_smoothing", "ema_decay", "noise", "grown_after")
STEP = 16  # of the sizes of training films


class BadRecipe(Mistake):
    """The recipe file can't be used; the message says why."""


@dataclass(frozen=True)
class Recipe:
    """A training run's settings; two runs of one recipe on one machine give the same network.

    Lengths are in pixels, angles in degrees, fractions of the film's side unless stated otherwise.
    """

    seed: int = SEED
    fold: int = FOLD
    folds: int = FOLDS
    epochs: int = 32
    batch_size: int = 64
    first_size: int = 96  # films grow from this ...
    size: int = 160  # ... to this, the input of the served network
    grown_after: float = 0.7  # the share of the epochs after which they have full size
    learning_rate: float = 0.1
    weight_decay: float = 5e-4
    label_smoothing: float = 0.05
    mixup: float = 0.2
    ema_decay: float = 0.998
    rotation: float = 12.0
    shear: float = 6.0
    shift: float = 0.08
    zoom: float = 0.18  # of the logarithm, also for aspect and gamma
    aspect: float = 0.5
    gamma: float = 0.4
    noise: float = 0.03  # of the grey range
    blurred: float = 0.3  # share of films that lose resolution
    erased: float = 0.2  # share of films that lose a rectangle
    sharpened: float = 0.3  # share of films with sharpened edges
    framed: float = 0.25  # share of films with blackened edges, including letters
    consistency: float = 0.0  # weight of the agreement between two views of a film; 0: one view
    cropped: float = 0.35  # the smallest share of the side that a view shows; 1: `zoom`, `shift`
    contrast: float = 0.5  # of the logarithm
    tone_curve: float = 0.0  # strength of a random, rising curve of the grey levels
    shading: float = 0.0  # largest change of light from one place to another
    balanced: int = 0  # 1: an epoch has equally many films of both classes
    frozen: int = 0  # how many of the eight blocks, with the stem before them, are not trained

    def __post_init__(self) -> None:
        if not 0 <= self.frozen <= BLOCKS or not 0 < self.cropped <= 1:
            raise BadRecipe(f"A recipe has frozen from 0 to {BLOCKS} and cropped above 0, up to 1.")
        if self.size % STEP or self.first_size % STEP:
            raise BadRecipe(f"A recipe has size and first_size that are multiples of {STEP}.")
        for name in ("epochs", "batch_size", "folds", "learning_rate"):
            if not getattr(self, name) > 0:
                raise BadRecipe(f"A recipe has {name} above 0; it is {getattr(self, name):g}.")
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise BadRecipe(f"A recipe has {name} from 0 to 1; it is {getattr(self, name):g}.")
        if not 0 <= self.fold < self.folds:
            raise BadRecipe(f"A recipe has fold from 0 to {self.folds - 1}, one less than folds.")
        if self.mixup and self.consistency:
            raise BadRecipe("A recipe has mixup or consistency: views of mixtures do not compare.")

    @property
    def stored_size(self) -> int:
        """Return the side of films in memory: a multiple of 16."""
        return round(self.size * _MARGIN / STEP) * STEP

    def size_at(self, epoch: int) -> int:
        """Return the films' side in this epoch, a multiple of 16 that grows, then stays."""
        grown = min(1.0, epoch / max(1.0, self.grown_after * self.epochs))
        return self.first_size + round(grown * (self.size - self.first_size) / STEP) * STEP

    def milder(self) -> "Recipe":
        """Return the same recipe with a quarter of the variations, close to served films."""
        lengths = ("rotation", "shear", "shift", "zoom", "aspect", "gamma", "noise", "contrast")
        return dataclasses.replace(
            self, **{name: getattr(self, name) / 4 for name in (*lengths, *VARIED)}
        )

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n")


def load_recipe(path: Path) -> Recipe:
    """Read a recipe that `Recipe.save` wrote; missing fields have their defaults."""
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BadRecipe(f"{path} can't be read as a recipe: {error}.") from error
    known = {field.name: type(field.default) for field in dataclasses.fields(Recipe)}
    if not isinstance(values, dict) or not values.keys() <= known.keys():
        raise BadRecipe(f"{path} must be a JSON object with fields among {', '.join(known)}.")
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | known[name]):
            raise BadRecipe(f"{path}: {name} must be a number ({known[name].__name__}).")
    return Recipe(**values)
