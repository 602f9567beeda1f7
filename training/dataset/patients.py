"""Whose films they are, where their names do not tell: a table of a site's own."""

import csv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from training.dataset.folder import BadDataset, Film, Patient

_COLUMNS = ("film", "patient")


def name_patients(films: list[Film], data: Path, table: Path) -> list[Film]:
    """The films below `data` with the patients that the CSV file `table` gives them.

    It has the columns `film` (the path below `data`, or the file's name alone) and `patient` (any
    text). Raises BadDataset for a table that can't be read, or that leaves a film out.
    """
    named = _read(table)
    found = []
    for film in films:
        below = str(film.path.relative_to(data))
        patient = named.get(below) or named.get(film.path.name)
        if patient is None:
            raise BadDataset(f"{table} names no patient for {below}: add a line for each film.")
        # Of no class: the films of one patient may be healthy and ill.
        found.append(replace(film, patient=Patient(0, series="", number=0, name=patient)))
    return found


def tell_nameless(films: list[Film]) -> list[str]:
    """A sentence where no film says whose it is: each would count as a patient of its own."""
    if any(film.patient.series or film.patient.name != film.path.stem for film in films):
        return []
    return [
        "No film's name tells its patient, so each counts as a patient of its own, and one "
        "patient's films may be trained on and held out. Name them with --patients CSV, a table "
        "with the columns film and patient."
    ]


def _read(table: Path) -> Mapping[str, str]:
    try:
        with table.open(newline="") as file:
            rows = csv.DictReader(file)
            if not set(_COLUMNS) <= set(rows.fieldnames or ()):
                raise BadDataset(f"{table} must begin with a line of its columns: film,patient.")
            return {row["film"]: row["patient"] for row in rows if row["patient"]}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadDataset(f"{table} can't be read as a CSV file: {error}.") from error
