"""The labelled folder: which films there are, whose they are, and which ones are held out."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

CLASSES = ("NORMAL", "PNEUMONIA")
SUFFIXES = frozenset({".jpeg", ".jpg", ".png"})

_PUBLISHED_NAME = re.compile(r"(?P<series>person|(?:NORMAL2-)?IM-)(?P<number>\d+)")


class BadDataset(Exception):
    """The folder can't be trained on; the message says what is wrong and what to do."""


@dataclass(frozen=True, order=True)
class Patient:
    """Who a film shows, told from its class folder and name.

    `person1011_virus_1.jpeg` is number 1011 of series `person`. A name of another form is a patient
    of its own, in the series without a name.
    """

    label: int
    series: str
    number: int
    name: str = ""


@dataclass(frozen=True)
class Film:
    """One labelled X-ray; `label` indexes CLASSES."""

    path: Path
    label: int
    patient: Patient


def find_films(folder: Path) -> list[Film]:
    """All films below `folder`, told apart by the class folder they lie in, in a stable order.

    Takes the published layout (`train/NORMAL`, `val/PNEUMONIA`, ...) as well as bare class folders.
    Raises BadDataset when the folder is missing or a class has no film.
    """
    if not folder.is_dir():
        raise BadDataset(f"{folder} is not a folder: name the one that holds NORMAL and PNEUMONIA.")
    films = [
        Film(path, label, _patient(path, label))
        for label, name in enumerate(CLASSES)
        for path in sorted(folder.rglob(f"{name}/*"))
        if path.suffix.lower() in SUFFIXES
    ]
    for label, name in enumerate(CLASSES):
        if not any(film.label == label for film in films):
            raise BadDataset(
                f"No JPEG or PNG lies in a folder {name} below {folder}: "
                f"put the films of each class into folders {' and '.join(CLASSES)}."
            )
    return films


def split_films(
    films: Sequence[Film], fold: int, folds: int, always_held_out: Iterable[Patient]
) -> tuple[list[Film], list[Film]]:
    """Training and validation films, no patient in both.

    Validation is one of `folds` contiguous blocks of patient numbers in each series: films taken at
    another time than those trained on, which is harder than random patients and nearer to what a
    network meets in use. The patients in `always_held_out` are added to it.
    """
    held_out = set(always_held_out)
    series: dict[tuple[int, str], set[Patient]] = defaultdict(set)
    for film in films:
        series[film.patient.label, film.patient.series].add(film.patient)
    for patients in series.values():
        ordered = sorted(patients)
        first, last = fold * len(ordered) // folds, (fold + 1) * len(ordered) // folds
        held_out.update(ordered[first:last])
    training = [film for film in films if film.patient not in held_out]
    validation = [film for film in films if film.patient in held_out]
    for name, part in (("training", training), ("validation", validation)):
        if {film.label for film in part} != set(range(len(CLASSES))):
            raise BadDataset(
                f"The {name} part has films of one class only ({len(part)} in all): "
                "there are too few patients to split; add films."
            )
    return training, validation


def _patient(path: Path, label: int) -> Patient:
    published = _PUBLISHED_NAME.match(path.name)
    if published is None:
        return Patient(label, series="", number=0, name=path.stem)
    return Patient(label, published["series"], int(published["number"]))
