"""Patients by a table of the site, and patients who are never to be trained on."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from screening.messages import printable
from training.dataset.files import copies
from training.dataset.folder import BadDataset, Film, Patient, films_below, print_notes
from training.dataset.identity import Known, digest
from training.dataset.names import Names, read_table

_COLUMNS = ("film", "patient")


def name_patients(films: Sequence[Film], data: Path, table: Path) -> list[Film]:
    """Return the films below `data` with the patients in the CSV file `table`.

    It has the columns `film` (the path below `data`, or the file's name alone) and `patient` (any
    text). Raises BadDataset for a table that can't be read, that leaves a film out, or that names
    two patients for one film.
    """
    named = _named(data, [film.path for film in films], table)
    if nameless := [film for film in films if film.path not in named]:
        others = f" and {len(nameless) - 1:,} other films" if len(nameless) > 1 else ""
        raise BadDataset(
            f"{table} names no patient for {_below(nameless[0], data)}{others}: "
            "add a line for each film."
        )
    return [replace(film, patient=named[film.path], known=Known.TABLE) for film in films]


def patients_kept_out(
    kept_out: Path | None,
    found: Sequence[Film],
    films: Sequence[Film],
    table: Path | None = None,
) -> set[Patient]:
    """Return the patients of `films` who also have films below `kept_out`; nobody without it.

    `films` are those of `find_films`, `found`, in the same order, with the patients of `table` if
    there is one. A person is identified by PatientID, name or folder, by the table, or by a file
    with the same bytes. Raises BadDataset if there is a table, and none of these identifies the
    patient of a film below `kept_out`.
    """
    if kept_out is None:
        return set()
    apart = films_below(kept_out)
    by_table = _named(kept_out, [film.path for film in apart], table) if table else {}
    paths = {film.path for film in apart}
    same = [
        group
        for group in copies([*paths, *(film.path for film in found if film.path not in paths)])
        if paths & set(group)
    ]
    copied = {path for group in same for path in group} | paths
    here = {film.path for film in found}
    seen = {path for group in same if here & set(group) for path in group} | here
    theirs = {film.patient for film in apart}
    digests = {film.patient.digest for film in apart if film.known is not Known.NOTHING}
    digests |= {patient.digest for patient in by_table.values()}
    nobody = [
        film
        for film in apart
        if film.known is Known.NOTHING and film.path not in by_table and film.path not in seen
    ]
    if table and nobody:
        raise BadDataset(
            f"The patient of {_below(nobody[0], kept_out)} of --keep-out is unknown, and those of "
            f"{len(nobody) - 1:,} other films: add lines for them to {table}."
        )
    if nobody:
        print_notes(
            [
                f"The patients of {len(nobody):,} films of --keep-out are unknown, e.g. of "
                f"{_below(nobody[0], kept_out)}: their other films may be trained on."
            ]
        )
    return {
        film.patient
        for first, film in zip(found, films, strict=True)
        if film.path in copied
        or first.patient in theirs
        or (film.known is not Known.NOTHING and film.patient.digest in digests)
    }


def notes_on_nameless(films: Sequence[Film]) -> list[str]:
    """Return a sentence about films without a patient's name."""
    nameless = [film for film in films if film.known is Known.NOTHING]
    if not nameless:
        return []
    whose = (
        "No film's name identifies its patient"
        if len(nameless) == len(films)
        else f"The names of {len(nameless):,} of {len(films):,} films do not "
        "identify their patients"
    )
    return [
        f"{whose}, so each counts as a patient of its own, and one patient's films may be trained "
        "on and held out. Name them with --patients CSV, a table with the columns film and patient."
    ]


def _named(data: Path, paths: Iterable[Path], table: Path) -> dict[Path, Patient]:
    """Return the patients that `table` gives to the films at `paths` below `data`."""
    names = Names(data, paths)
    spelt: dict[str, str] = {}
    by_path: dict[Path, str] = {}
    by_file_name: dict[Path, str] = {}
    for row in read_table(table, _COLUMNS):
        if not row["patient"]:
            continue
        # Spellings of one number are one patient, shown as the first of them.
        patient = spelt.setdefault(digest(row["patient"]), row["patient"])
        films = names.find(row["film"])
        alone = not {"/", "\\"} & set(row["film"])
        for film in films:
            known = by_file_name if alone else by_path
            if known.setdefault(film, patient) != patient:
                raise BadDataset(
                    f"{table} names two patients for {printable(row['film'])}, "
                    f"{printable(known[film])} and {printable(patient)}: keep one line of them."
                )
    # Without a class: the films of one patient may be normal and positive.
    return {
        film: Patient(0, "", 0, patient) for film, patient in {**by_file_name, **by_path}.items()
    }


def _below(film: Film, folder: Path) -> str:
    return printable(str(film.path.relative_to(folder)))
