"""The images that the pipeline learns from, in memory."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from laboratory.recipe import LaboratoryRecipe
from training.dataset.folder import BadDataset, Film, find_films, patients_below, split_films
from training.dataset.pixels import load_films, load_images
from training.learning.fit import Labelled, without_copies
from training.learning.train import class_labels

STORED = 224  # the side of stored films; views are cut out of them
HELD_OUT_ADULTS = 5  # every fifth adult's film is held out


@dataclass(frozen=True)
class Folders:
    """The folders of images.

    `data` has the labelled films; patients in `kept_out` are held out. `adults` has frontal chest
    films of adults, `others` one folder for each kind of other image. The last two have no labels
    about pneumonia.
    """

    data: Path
    kept_out: Path | None
    adults: Path
    others: Path


@dataclass(frozen=True)
class Films:
    """Labelled films to train on, those held out, and unlabelled ones, uint8 [N, 1, S, S]."""

    training: Labelled
    validation: list[Film]
    adults: Tensor


def split(folders: Folders, recipe: LaboratoryRecipe) -> tuple[list[Film], list[Film]]:
    """Training and held-out films of children."""
    films = find_films(folders.data)
    return split_films(films, recipe.fold, recipe.folds, patients_below(folders.kept_out))


def load(folders: Folders, recipe: LaboratoryRecipe) -> Films:
    """Read the films to train on at the side STORED; raise BadDataset."""
    training, validation = split(folders, recipe)
    return Films(
        without_copies(labelled(training, STORED, "training")),
        validation,
        load_images(adults_to_train_on(folders.adults), STORED, "adults' films"),
    )


def labelled(films: list[Film], size: int, what: str) -> Labelled:
    """Read films with their labels, like `load_films`."""
    return Labelled(load_films(films, size, what), class_labels(films))


def adults_to_train_on(folder: Path) -> list[Path]:
    """Return the adults' films except every HELD_OUT_ADULTS-th."""
    return [path for index, path in enumerate(images_in(folder)) if index % HELD_OUT_ADULTS]


def adults_held_out(folder: Path) -> list[Path]:
    """Return every HELD_OUT_ADULTS-th of the adults' films."""
    return images_in(folder)[::HELD_OUT_ADULTS]


def images_in(folder: Path) -> list[Path]:
    """Return the sorted JPEG and PNG files below `folder`; BadDataset if there are none."""
    found = sorted(
        path for path in folder.rglob("*") if path.suffix.lower() in {".jpeg", ".jpg", ".png"}
    )
    if not found:
        raise BadDataset(f"There is no JPEG or PNG below {folder}: name a folder of images.")
    return found


def whole_batches(order: Tensor, batch_size: int) -> tuple[Tensor, ...]:
    """Split `order` into batches of one size; films left over are left out."""
    size = min(batch_size, len(order))
    return tuple(order[: len(order) // size * size].split(size))
