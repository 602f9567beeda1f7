"""The patients that a network learned from: hashes beside the network, without names."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from pathlib import Path

from training.dataset.folder import Film

PATIENTS = "patients.txt"  # beside the network, in the folder of its run


def patient_digest(film: Film) -> str:
    return hashlib.sha256(repr(astuple(film.patient)).encode()).hexdigest()[:16]


def write_patients(folder: Path, digests: Iterable[str]) -> None:
    (folder / PATIENTS).write_text("".join(f"{each}\n" for each in sorted(set(digests))))


def read_patients(folder: Path) -> frozenset[str] | None:
    """Return the digests, or None for a network without them."""
    try:
        return frozenset((folder / PATIENTS).read_text().split())
    except FileNotFoundError:
        return None


def warn_of_learned(network: Path, films: Sequence[Film], consequence: str) -> list[str]:
    """Return a warning if the network file learned from patients of these films, else nothing."""
    known = read_patients(network.parent) or frozenset()
    learned = sum(patient_digest(film) in known for film in films)
    if not learned:
        return []
    return [
        f"By their names, {learned:,} of these {len(films):,} films are of patients from whose "
        f"films {network.name} learned: {consequence} Take films of other patients, such as those "
        "that a run's validation.txt lists, by --only."
    ]
