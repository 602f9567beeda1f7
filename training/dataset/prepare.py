"""`cxr-alert prepare`: turn a folder of films into the input of a training job."""

import csv
import json
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from rich.console import Console
from rich.progress import track
from rich.table import Table

from imaging.readers import read_grey
from imaging.refusals import NotReadable
from training.dataset.channels import CHANNELS, write_channels
from training.dataset.duplicates import Fingerprint, Pair, find_pairs, fingerprint
from training.dataset.figures import draw_distribution, draw_examples
from training.dataset.folder import (
    CLASSES,
    UNFINISHED,
    BadDataset,
    Film,
    notes_on_shared_patients,
    split_as_reported,
    split_films,
    survey,
)
from training.dataset.names import open_table
from training.dataset.patients import name_patients, notes_on_nameless, patients_kept_out
from training.dataset.split import FOLD, FOLDS, SEED

Split: TypeAlias = Literal["patients", "report"]
Summary: TypeAlias = dict[str, Any]

_FILMS = "films.csv"
_APART = ("splits", "parts", "labels", "patients")


@dataclass(frozen=True)
class Unreadable:
    film: Film
    reason: str


@dataclass(frozen=True)
class _Duplicates:
    """Pairs of `films`, by their indices."""

    films: Sequence[Film]
    part: Mapping[Film, str]
    pairs: Sequence[Pair]

    def across(self, pair: Pair) -> list[str]:
        """Return in what the two differ: the folder's splits, the new parts, labels, patients."""
        first, second = self.films[pair.first], self.films[pair.second]
        return [
            name
            for name, differ in (
                ("splits", first.split != second.split),
                ("parts", self.part[first] != self.part[second]),
                ("labels", first.label != second.label),
                ("patients", first.patient != second.patient),
            )
            if differ
        ]


def prepare(
    data: Path, out: Path, split: Split, kept_out: Path | None, patients: Path | None = None
) -> Summary:
    """Label, check, split and chart the films below `data`, and write a job's input to `out`.

    The output is `films.csv` (every film: its label, part, patient and file in a channel),
    `duplicates.csv`, `summary.json`, `distribution.png`, `examples.png`, and the built-in
    algorithm's four channels (see channels.py). `split` is `patients`, the same blocks of patient
    numbers that `train` holds out, or `report`, 46 films held out as in the 2020 report. Films of a
    test split are checked and counted but are in no channel; films that can't be read are listed
    and left out. `patients` is a table as `name_patients` takes it.

    Returns the summary. Raises BadDataset.
    """
    console = Console()
    _claim(out, data)
    seen = survey(data)
    found = name_patients(seen.films, data, patients) if patients else seen.films
    notes = [*seen.notes, *notes_on_nameless(found)]
    for sentence in notes:
        console.print(sentence, markup=False)
    apart = patients_kept_out(kept_out, seen.films, found, patients)
    films, fingerprints, unreadable = _look_at(found)
    for one in unreadable:
        console.print(
            f"Left out, since it can't be read: {one.film.path}. {one.reason}", markup=False
        )
    if split == "report":
        training, validation = split_as_reported(films, apart, SEED)
    else:
        training, validation = split_films(films, FOLD, FOLDS, apart)
    parts = {"train": training, "validation": validation}
    if test := [film for film in films if film.split == "test"]:
        parts["test"] = test
    part = {film: name for name, members in parts.items() for film in members}
    duplicates = _Duplicates(films, part, find_pairs(fingerprints))

    _clear(out)
    _write_duplicates(out / "duplicates.csv", data, duplicates)
    placed = write_channels(out, training, validation, SEED)
    _write_films(out / _FILMS, data, found, part, placed)
    draw_distribution(parts, out / "distribution.png")
    draw_examples(training, out / "examples.png")
    summary: Summary = {
        "data": str(data),
        "split": split,
        "films": len(films),
        "parts": {name: _count(members) for name, members in parts.items()},
        "splits": {name: _count(members) for name, members in _as_given(films).items()},
        "notes": notes,
        "patients_in_two_splits": notes_on_shared_patients(films),
        "unreadable": [{"Pic": _name(one.film, data), "reason": one.reason} for one in unreadable],
        "duplicates": _count_duplicates(data, duplicates),
    }
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    (out / UNFINISHED).unlink()
    _tell(console, summary, out)
    return summary


def _claim(out: Path, data: Path) -> None:
    """Refuse an `out` that contains anything other than an earlier result."""
    here, there = out.resolve(), data.resolve()
    if here.is_relative_to(there) or there.is_relative_to(here):
        raise BadDataset(
            f"one of {out} and {data} is inside the other, so films would be mixed "
            "with their copies: "
            "choose an --out elsewhere."
        )
    if out.exists() and not out.is_dir():
        raise BadDataset(f"{out} is a file: choose another --out.")
    ours = (out / _FILMS).exists() or (out / UNFINISHED).exists()
    if out.is_dir() and any(out.iterdir()) and not ours:
        raise BadDataset(f"{out} already has other contents: choose an empty --out.")


def _clear(out: Path) -> None:
    """Remove an earlier result's channels: their films may be in another part now."""
    out.mkdir(parents=True, exist_ok=True)
    (out / UNFINISHED).touch()
    for channel in CHANNELS:
        shutil.rmtree(out / channel, ignore_errors=True)


def _look_at(films: Sequence[Film]) -> tuple[list[Film], list[Fingerprint], list[Unreadable]]:
    """Return the readable films, their fingerprints, and the unreadable ones."""

    def look(film: Film) -> Fingerprint | Unreadable:
        try:
            return fingerprint(read_grey(film.path.read_bytes()))
        except NotReadable as error:
            return Unreadable(film, str(error))
        except OSError as error:
            return Unreadable(film, f"{error.strerror}.")

    with ThreadPoolExecutor() as pool:
        seen = list(track(pool.map(look, films), "Reading the films", len(films)))
    both = list(zip(films, seen, strict=True))
    return (
        [film for film, one in both if isinstance(one, Fingerprint)],
        [one for one in seen if isinstance(one, Fingerprint)],
        [one for one in seen if isinstance(one, Unreadable)],
    )


def _write_films(
    path: Path,
    data: Path,
    films: Sequence[Film],
    part: Mapping[Film, str],
    placed: Mapping[Path, Path],
) -> None:
    with open_table(path) as file:
        table = csv.writer(file)
        table.writerow(["Pic", "pneumonia", "part", "split", "patient", "file"])
        for film in films:
            where = (part.get(film, "unreadable"), film.split)
            file_name = placed[film.path].as_posix() if film.path in placed else ""
            table.writerow([_name(film, data), film.label, *where, film.patient, file_name])


def _write_duplicates(path: Path, data: Path, duplicates: _Duplicates) -> None:
    with open_table(path) as file:
        table = csv.writer(file)
        table.writerow(["Pic", "same_as", "kind", "differing_bits", "across"])
        for pair in duplicates.pairs:
            first, second = duplicates.films[pair.first], duplicates.films[pair.second]
            kind, across = "exact" if pair.exact else "near", " ".join(duplicates.across(pair))
            names = (_name(first, data), _name(second, data))
            table.writerow([*names, kind, pair.distance, across])


def _count_duplicates(data: Path, duplicates: _Duplicates) -> Summary:
    counts: Summary = {}
    for kind, exact in (("exact", True), ("near", False)):
        pairs = [pair for pair in duplicates.pairs if pair.exact == exact]
        counts[kind] = {"pairs": len(pairs)}
        for name in _APART:
            across = [pair for pair in pairs if name in duplicates.across(pair)]
            counts[kind][f"across_{name}"] = len(across)
            if across:
                closest = (duplicates.films[across[0].first], duplicates.films[across[0].second])
                counts[kind][f"closest_across_{name}"] = [_name(film, data) for film in closest]
    return counts


def _count(films: Sequence[Film]) -> dict[str, int]:
    classes = {
        name: sum(film.label == label for film in films) for label, name in enumerate(CLASSES)
    }
    return {"films": len(films), "patients": len({film.patient for film in films}), **classes}


def _as_given(films: Sequence[Film]) -> dict[str, list[Film]]:
    names = sorted({film.split for film in films if film.split})
    return {name: [film for film in films if film.split == name] for name in names}


def _name(film: Film, data: Path) -> str:
    return film.path.relative_to(data).as_posix()


def _tell(console: Console, summary: Summary, out: Path) -> None:
    table = Table("part", "films", "patients", *CLASSES)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, counts in summary["parts"].items():
        table.add_row(name, *(f"{count:,}" for count in counts.values()))
    console.print(table)
    for sentence in summary["patients_in_two_splits"]:
        console.print(sentence, markup=False)
    for kind, meaning in (("exact", "the same pixels"), ("near", "nearly the same look")):
        counts = summary["duplicates"][kind]
        if not counts["pairs"]:
            console.print(f"No two films have {meaning}.")
            continue
        across = (f"{counts[f'across_{name}']:,} across {name}" for name in _APART)
        console.print(f"{counts['pairs']:,} pairs of films have {meaning}: {', '.join(across)}.")
        for name in ("parts", "labels"):
            if closest := counts.get(f"closest_across_{name}"):
                console.print(f"The closest across {name}: {' and '.join(closest)}.", markup=False)
    console.print(f"{out} has the films, lists, tables and pictures.", markup=False)
