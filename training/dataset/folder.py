"""The labelled folder: which films there are, whose they are, and which ones are held out."""

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from imaging.refusals import NotReadable
from screening.errors import Mistake
from screening.formats import DICOM_PREFIX_BYTES, Format, format_of

CLASSES = ("NORMAL", "PNEUMONIA")
SUFFIXES = frozenset({".jpeg", ".jpg", ".png", ".dcm", ".dicom"})
HELD_OUT_BY_REPORT = 46  # of 5,232 films: the split of the 2020 report

_NUMBERED = ("0", "1")  # what the folders of CLASSES may be called instead
_SPLITS = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
_PUBLISHED_NAME = re.compile(r"(?P<series>person|(?:NORMAL2-)?IM-)(?P<number>\d+)")


class BadDataset(Mistake):
    """The folder can't be trained on; the message says what is wrong and what to do."""


@dataclass(frozen=True, order=True)
class Patient:
    """Who a film shows, told from its class folder and name.

    `person1011_virus_1.jpeg` is number 1011 of series `person`. Of a DICOM file by another name, it
    is a hash of the patient's number in it. Any other film is a patient of its own. Both are in the
    series without a name.
    """

    label: int
    series: str
    number: int
    name: str = ""

    def __str__(self) -> str:
        return f"{CLASSES[self.label]} {self.series}{self.number}" if self.series else self.name


@dataclass(frozen=True)
class Film:
    """One labelled X-ray; `label` indexes CLASSES.

    `split` is where its folder puts it: train, validation, test, or empty where none is named.
    """

    path: Path
    label: int
    patient: Patient
    split: str = ""


def find_films(folder: Path) -> list[Film]:
    """All films below `folder`, told apart by the class folder they lie in, in a stable order.

    Takes the published layout (`train/NORMAL`, `val/PNEUMONIA`, ...) as well as bare class folders,
    named by the classes or by `0` and `1`.
    Raises BadDataset when the folder is missing or a class has no film.
    """
    if not folder.is_dir():
        raise BadDataset(f"{folder} is not a folder: name the one that holds NORMAL and PNEUMONIA.")
    films, numbered = _films_in(folder, CLASSES), _films_in(folder, _NUMBERED)
    if films and numbered:
        raise BadDataset(
            f"{folder} has films in folders {' or '.join(CLASSES)} and in folders "
            f"{' or '.join(_NUMBERED)} ({numbered[0].path}): name the classes in one way."
        )
    films = films or numbered
    for label, name in enumerate(_NUMBERED if numbered else CLASSES):
        if not any(film.label == label for film in films):
            other = next((each for each in folder.rglob("*") if _is_called(each, name)), None)
            if other:
                raise BadDataset(f"Rename the folder {other} to {name}, in capitals.")
            raise BadDataset(
                f"No JPEG, PNG or DICOM film lies in a folder {name} below {folder}: "
                f"put the films of each class into folders {' and '.join(CLASSES)}."
            )
    return films


def patients_below(folder: Path | None) -> set[Patient]:
    """Whose films lie below `folder`; nobody's without one."""
    return {film.patient for film in find_films(folder)} if folder else set()


def split_films(
    films: Sequence[Film], fold: int, folds: int, always_held_out: Iterable[Patient]
) -> tuple[list[Film], list[Film]]:
    """Training and validation films, no patient in both and no film of the test split in either.

    Validation is one of `folds` contiguous blocks of patient numbers in each series: films taken at
    another time than those trained on, which is harder than random patients and nearer to what a
    network meets in use. The patients in `always_held_out` are added to it.
    """
    held_out = set(always_held_out)
    series: dict[tuple[int, str], set[Patient]] = defaultdict(set)
    for film in _without_test(films):
        series[film.patient.label, film.patient.series].add(film.patient)
    for patients in series.values():
        ordered = sorted(patients)
        first, last = fold * len(ordered) // folds, (fold + 1) * len(ordered) // folds
        held_out.update(ordered[first:last])
    return _divide(films, held_out)


def split_as_reported(
    films: Sequence[Film], always_held_out: Iterable[Patient], seed: int
) -> tuple[list[Film], list[Film]]:
    """The 2020 report's split: all films but 46 to train on, no film of the test split in either.

    Which 46 it held out is not known; here they are those of patients drawn at random, so that no
    patient is on both sides. The patients in `always_held_out` are the first of them.
    """
    usable = _without_test(films)
    count: dict[Patient, int] = defaultdict(int)
    for film in usable:
        count[film.patient] += 1
    held_out = count.keys() & set(always_held_out)
    left = HELD_OUT_BY_REPORT - sum(count[patient] for patient in held_out)
    drawn = sorted(count.keys() - held_out)
    random.Random(seed).shuffle(drawn)  # noqa: S311 - a draw to repeat, not to keep secret
    for patient in drawn:
        if count[patient] <= left:
            held_out.add(patient)
            left -= count[patient]
    return _divide(films, held_out)


def tell_shared_patients(films: Iterable[Film]) -> list[str]:
    """A sentence for each two splits that films of one patient were put into."""
    splits: dict[Patient, set[str]] = defaultdict(set)
    for film in films:
        splits[film.patient].add(film.split)
    sentences = []
    for one, other, what_follows in (
        ("train", "validation", "all films of a patient are put on one side."),
        ("train", "test", "a measure on test flatters the network. --keep-out holds patients out."),
        ("validation", "test", "a cutoff chosen on validation flatters itself on test."),
    ):
        shared = sorted(patient for patient, names in splits.items() if {one, other} <= names)
        if shared:
            sentences.append(
                f"{len(shared):,} patient(s) have films in {one} and in {other}, "
                f"{shared[0]} for one: {what_follows}"
            )
    return sentences


def _films_in(folder: Path, names: Sequence[str]) -> list[Film]:
    return [
        Film(path, label, _patient(path, label), _split(folder, path))
        for label, name in enumerate(names)
        for path in sorted(folder.rglob(f"{name}/*"))
        if is_film(path)
    ]


def other_files(folder: Path) -> list[Path]:
    """The files in class folders below `folder` that are no film by their name."""
    return [
        path
        for name in (*CLASSES, *_NUMBERED)
        for path in sorted(folder.rglob(f"{name}/*"))
        if path.is_file() and not path.name.startswith(".") and not is_film(path)
    ]


def _is_called(path: Path, name: str) -> bool:
    return path.name != name and path.name.upper() == name and path.is_dir()


def is_film(path: Path) -> bool:
    """Tell by its name, or of a file without a suffix by its first bytes, as PACS export DICOM."""
    # macOS leaves a "._film.jpeg" beside each film in an archive, which is none.
    if path.name.startswith(".") or not path.is_file():
        return False
    return path.suffix.lower() in SUFFIXES or (not path.suffix and _is_dicom(path))


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return format_of(file.read(DICOM_PREFIX_BYTES)) is Format.DICOM


def _split(folder: Path, path: Path) -> str:
    above = (folder.resolve().name, *path.relative_to(folder).parts[:-2])
    named = [_SPLITS[name.lower()] for name in above if name.lower() in _SPLITS]
    return "test" if "test" in named else named[-1] if named else ""


def _without_test(films: Iterable[Film]) -> list[Film]:
    return [film for film in films if film.split != "test"]


def _divide(films: Iterable[Film], held_out: set[Patient]) -> tuple[list[Film], list[Film]]:
    usable = _without_test(films)
    training = [film for film in usable if film.patient not in held_out]
    validation = [film for film in usable if film.patient in held_out]
    for part_name, part in (("training", training), ("validation", validation)):
        for label, name in enumerate(CLASSES):
            if not any(film.label == label for film in part):
                raise BadDataset(
                    f"The {part_name} part has no film of {name} ({len(part)} in all, "
                    f"{len(usable)} outside test): there are too few patients to split; add films."
                )
    return training, validation


def _patient_in(path: Path) -> str | None:
    """The patient that a DICOM file names, by a hash; None where it names none or is broken."""
    # Imported late: whoever has no DICOM films goes without the libraries.
    from imaging.dicom import patient_of

    try:
        return patient_of(path.read_bytes())
    except NotReadable:
        return None


def _patient(path: Path, label: int) -> Patient:
    published = _PUBLISHED_NAME.match(path.name)
    if published is None:
        name = (_is_dicom(path) and _patient_in(path)) or path.stem
        return Patient(label, series="", number=0, name=name)
    return Patient(label, published["series"], int(published["number"]))
