"""The labelled folder: its films, their patients, and the held-out films."""

import random
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from screening.formats import Format
from screening.messages import printable
from training.dataset.files import BadDataset as BadDataset
from training.dataset.files import Listing, copies, file_format, list_files
from training.dataset.identity import Known, patient_in, published
from training.dataset.identity import Patient as Patient

CLASSES = ("NORMAL", "PNEUMONIA")
UNFINISHED = "unfinished"  # a file that `prepare` has in its --out while it works
HELD_OUT_BY_REPORT = 46  # of 5,232 films: the split of the 2020 report

_NUMBERED = ("0", "1")  # other names of the folders of CLASSES
_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class Film:
    """One labelled X-ray; `label` indexes CLASSES.

    `split` is that of its folder: train, validation, test, or empty if none is named. `known` says
    how its patient was identified. `twin` is the same text for all films with the same bytes, and
    empty for a film without copies.
    """

    path: Path
    label: int
    patient: Patient
    split: str = ""
    known: Known = Known.FILE_NAME
    twin: str = ""


@dataclass(frozen=True)
class Survey:
    """The films below a folder, and sentences about files that were left out or count once.

    `again` maps the path of a copy under the same name to the film that counts instead.
    """

    films: list[Film]
    notes: list[str]
    again: dict[Path, Film]


def find_films(folder: Path) -> list[Film]:
    """Return all films of `survey`; print its notes to stderr."""
    found = survey(folder)
    print_notes(found.notes)
    return found.films


def print_notes(notes: Iterable[str]) -> None:
    for note in notes:
        print(note, file=sys.stderr)


def survey(folder: Path, *, both_classes: bool = True) -> Survey:
    """Return all films below `folder`, by the class folder that they are in, in a stable order.

    It accepts the published layout (`train/NORMAL`, `val/PNEUMONIA`, ...) as well as bare class
    folders, named by the classes in any case or by `0` and `1`; films may be in folders of their
    patients below these. A film that is present twice, by a link or as a copy of the same name and
    class, counts once.

    Raises BadDataset if the folder is missing, if a class has no film (with `both_classes`), or if
    the class of a film is unclear.
    """
    if not folder.is_dir():
        raise BadDataset(f"{folder} is not a folder: name the one that holds NORMAL and PNEUMONIA.")
    if (folder / UNFINISHED).is_file():
        raise BadDataset(f"{folder} is an unfinished output of `prepare`: run that again.")
    listing = list_files(folder)
    placed, outside = _placed(folder, listing.films)
    if both_classes or not placed:
        _refuse_missing_classes(folder, placed, outside)
    apart = _patient_folders([each.below for each in placed])
    films = [_film(folder, each, apart) for each in placed]
    films, again, notes = _once(folder, sorted(films, key=lambda each: (each.label, each.path)))
    return Survey(films, [*_left_out(folder, listing, outside), *notes, *_by_folder(films)], again)


@dataclass(frozen=True)
class _Placed:
    """A film's file, its label, and the names of the folders between its class folder and it."""

    path: Path
    label: int
    below: tuple[str, ...]


def _placed(folder: Path, paths: Sequence[Path]) -> tuple[list[_Placed], list[Path]]:
    """Return the films by class, and films outside class folders.

    The innermost folder with a class's name decides. A folder named by a number decides only if no
    film is in a folder with a class's name, since it may be a patient or a part.
    """
    named, numbered, outside = [], [], []
    for path in paths:
        parts = tuple(_plain(part) for part in path.relative_to(folder).parts[:-1])
        classes = [at for at, part in enumerate(parts) if part.upper() in CLASSES]
        numbers = [at for at, part in enumerate(parts) if part in _NUMBERED]
        if classes:
            at = classes[-1]
            named.append(_Placed(path, CLASSES.index(parts[at].upper()), parts[at + 1 :]))
        elif len({parts[at] for at in numbers}) > 1:
            raise BadDataset(
                f"{_shown(path)} lies below folders 0 and 1, so its class is unclear: "
                f"name the class folders {' and '.join(CLASSES)}."
            )
        elif numbers:
            at = numbers[0]
            numbered.append(_Placed(path, int(parts[at]), parts[at + 1 :]))
        else:
            outside.append(path)
    if named and numbered:
        raise BadDataset(
            f"{folder} has {len(named):,} films in folders {' or '.join(CLASSES)} and "
            f"{len(numbered):,} in folders {' or '.join(_NUMBERED)} "
            f"({_shown(numbered[0].path)}): name the classes in one way."
        )
    return named or numbered, outside


def _plain(part: str) -> str:
    """Return a folder's name without additions by people and systems."""
    return unicodedata.normalize("NFKC", part).strip(" ._").lower()


def _refuse_missing_classes(
    folder: Path, placed: Sequence[_Placed], outside: Sequence[Path]
) -> None:
    for label, name in enumerate(CLASSES):
        if not any(each.label == label for each in placed):
            elsewhere = (
                f" ({len(outside):,} lie in other folders, e.g. {_shown(outside[0])})"
                if outside
                else ""
            )
            raise BadDataset(
                f"No JPEG, PNG or DICOM film is in a folder {name} below {folder}{elsewhere}: "
                f"put the films of each class into folders {' and '.join(CLASSES)}."
            )


def _patient_folders(below: Sequence[tuple[str, ...]]) -> int | None:
    """Return how many folder levels below a class folder come before those that separate films.

    Returns None if there is at most one folder on the way to every film: it separates nothing.
    """
    ways = [tuple(part for part in way if part not in _SPLITS) for way in below]
    for depth in range(max(map(len, ways), default=0)):
        if len({way[depth] if len(way) > depth else None for way in ways}) > 1:
            return depth
    return None


def _film(folder: Path, placed: _Placed, apart: int | None) -> Film:
    path, label = placed.path, placed.label
    split = split_of(folder, path)
    if file_format(path) is Format.DICOM and (patient := patient_in(path)):
        return Film(path, label, patient, split, Known.PATIENT_ID)
    if patient := published(path.name):
        return Film(path, label, patient, split, Known.FILE_NAME)
    way = [part for part in placed.below if part not in _SPLITS]
    if apart is not None and len(way) > apart:
        return Film(path, label, Patient(0, "", 0, way[apart]), split, Known.FOLDER)
    return Film(path, label, Patient(label, "", 0, path.stem), split, Known.NOTHING)


def split_of(folder: Path, path: Path) -> str:
    """Return the split that the folders from `folder` to the film at `path` name.

    Test before others.
    """
    above = (folder.name, folder.resolve().name, *path.relative_to(folder).parts[:-1])
    named = [_SPLITS[name] for part in above if (name := _plain(part)) in _SPLITS]
    return "test" if "test" in named else named[-1] if named else ""


def _once(folder: Path, films: list[Film]) -> tuple[list[Film], dict[Path, Film], list[str]]:
    """Return the films without copies of the same name and class, the copies, and notes."""
    by_path = {film.path: film for film in films}
    again: dict[Path, Film] = {}
    notes = []
    for group in copies([film.path for film in films]):
        same = sorted((by_path[path] for path in group), key=_precedence)
        twins: list[Film] = []
        for film in same:
            kept = next((each for each in twins if _same_name(each, film)), None)
            if kept is None:
                twins.append(replace(film, twin=str(same[0].path)))
            else:
                again[film.path] = kept
        for film in twins:
            by_path[film.path] = replace(film, twin=film.twin if len(twins) > 1 else "")
        labels = {film.label: film for film in twins}
        if len(labels) > 1:
            one, other = (_shown(film.path, folder) for film in labels.values())
            notes.append(f"{one} and {other} are the same film in two classes: remove one of them.")
    if again:
        path, film = next(iter(again.items()))
        notes.append(
            f"{len(again):,} films are present twice: {_shown(path, folder)} is the same film as "
            f"{_shown(film.path, folder)}, for example. Each counts once."
        )
    return (
        [by_path[film.path] for film in films if film.path not in again],
        {path: by_path[film.path] for path, film in again.items()},
        notes,
    )


def _precedence(film: Film) -> tuple[bool, int, Path]:
    """Return the sort key of copies: the test split counts first, so that nobody trains on it."""
    return film.split != "test", len(film.path.parts), film.path


def _same_name(one: Film, other: Film) -> bool:
    return one.label == other.label and one.path.name.lower() == other.path.name.lower()


def _left_out(folder: Path, listing: Listing, outside: Sequence[Path]) -> list[str]:
    """Return a sentence for each kind of things below `folder` that are not among its films."""
    in_classes = [path for path in listing.others if _in_class(folder, path)]
    kinds = (
        (outside, "films are not in a folder NORMAL or PNEUMONIA and are left out"),
        (in_classes, "files in class folders are not JPEG, PNG or DICOM and are left out"),
        (listing.broken, "links are dangling and are left out"),
        (listing.links_again, "links lead to folders that are listed already and count once"),
    )
    return [f"{len(paths):,} {what}, e.g. {_shown(paths[0])}." for paths, what in kinds if paths]


def _in_class(folder: Path, path: Path) -> bool:
    parts = {_plain(part) for part in path.relative_to(folder).parts[:-1]}
    return any(name.lower() in parts for name in (*CLASSES, *_NUMBERED))


def _by_folder(films: Sequence[Film]) -> list[str]:
    names = sorted({film.patient.name for film in films if film.known is Known.FOLDER})
    if not names:
        return []
    return [
        f"{len(names):,} folders below the class folders, e.g. {printable(names[0])}, count as "
        "a patient each. Name the patients with --patients CSV where they do not."
    ]


def _shown(path: PurePath, folder: Path | None = None) -> str:
    return printable(str(path.relative_to(folder) if folder else path))


def patients_below(folder: Path | None) -> set[Patient]:
    """Return the patients of the films below `folder`; nobody without a folder."""
    return {film.patient for film in films_below(folder)} if folder else set()


def films_below(folder: Path) -> list[Film]:
    """Return all films of `survey`, of one class or both; print its notes to stderr."""
    found = survey(folder, both_classes=False)
    print_notes(found.notes)
    return found.films


def split_films(
    films: Sequence[Film], fold: int, folds: int, always_held_out: Iterable[Patient]
) -> tuple[list[Film], list[Film]]:
    """Return training and validation films that share no patient, and none with the test split.

    Validation is one of `folds` contiguous blocks of patient numbers in each series: films taken at
    another time than the training films, which is harder than random patients and closer to use in
    practice. The patients in `always_held_out` are added to it, and every patient who shares a
    film's bytes with them, or is surely in the test split.
    """
    held_out = set(always_held_out)
    labels: dict[Patient, set[int]] = defaultdict(set)
    for film in _without_test(films):
        labels[film.patient].add(film.label)
    # Patients with both classes are a series of their own, so that each class is divided evenly.
    series: dict[tuple[str, frozenset[int]], set[Patient]] = defaultdict(set)
    for patient, own in labels.items():
        series[patient.series, frozenset(own)].add(patient)
    for patients in series.values():
        ordered = sorted(patients)
        first, last = fold * len(ordered) // folds, (fold + 1) * len(ordered) // folds
        held_out.update(ordered[first:last])
    return _divide(films, held_out)


def split_as_reported(
    films: Sequence[Film], always_held_out: Iterable[Patient], seed: int
) -> tuple[list[Film], list[Film]]:
    """Return the 2020 report's split: all films except 46 for training, none of the test split.

    Which 46 it held out is unknown; here they are those of randomly drawn patients, so that no
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


def notes_on_shared_patients(films: Sequence[Film]) -> list[str]:
    """Return a sentence for each two splits with films of the same patient."""
    splits: dict[Patient, set[str]] = defaultdict(set)
    for film in films:
        splits[film.patient].add(film.split)
    held_out = _tested(films)
    sentences = []
    for one, other, what_follows in (
        ("train", "validation", "all films of a patient are put on one side."),
        (
            "train",
            "test",
            "figures measured on test would be too good. --keep-out holds patients out.",
        ),
        ("validation", "test", "a cutoff chosen on validation looks too good on test."),
    ):
        shared = sorted(patient for patient, names in splits.items() if {one, other} <= names)
        if one == "train" and other == "test":
            if surely := [patient for patient in shared if patient in held_out]:
                sentences.append(
                    f"{len(surely):,} patient(s) have films in train and in test, "
                    f"e.g. {printable(str(surely[0]))}: those in train are held out."
                )
            shared = [patient for patient in shared if patient not in held_out]
        if shared:
            sentences.append(
                f"{len(shared):,} patient(s) have films in {one} and in {other}, "
                f"e.g. {printable(str(shared[0]))}: {what_follows}"
            )
    return sentences


def _tested(films: Iterable[Film]) -> set[Patient]:
    """Return patients with films in the test split, without those known by a running number."""
    surely = (Known.TABLE, Known.PATIENT_ID)
    return {film.patient for film in films if film.split == "test" and film.known in surely}


def _sharing(films: Sequence[Film], held_out: set[Patient]) -> set[Patient]:
    """Return `held_out` and the patients of copies of films of theirs or of the test split."""
    whose: dict[str, set[Patient]] = defaultdict(set)
    found = set(held_out)
    for film in films:
        if film.twin and film.split != "test":
            whose[film.twin].add(film.patient)
    for film in films:
        if film.split == "test":
            found |= whose.get(film.twin, set())
    grown = True
    while grown:
        grown = False
        for patients in whose.values():
            if patients & found and not patients <= found:
                found |= patients
                grown = True
    return found


def _without_test(films: Iterable[Film]) -> list[Film]:
    return [film for film in films if film.split != "test"]


def _divide(films: Sequence[Film], held_out: set[Patient]) -> tuple[list[Film], list[Film]]:
    usable = _without_test(films)
    held_out = _sharing(films, held_out | _tested(films))
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
