"""The films below a folder that a list names, or all of them, each once."""

from collections.abc import Sequence
from pathlib import Path

from screening.messages import printable
from training.dataset.folder import CLASSES, BadDataset, Film, Survey, print_notes, survey
from training.dataset.names import Names, read_list


def chosen_films(data: Path, only: Path | None) -> list[Film]:
    """Return the films below `data`, each once, or those of them that `only` lists.

    `only` is a file of paths relative to `data`, one per line, like the `validation.txt` of a
    training run. No other film is read, and a listed copy counts under its own name. Films left out
    are reported on stderr. Raises BadDataset for missing films.
    """
    found = survey(data)
    print_notes(found.notes)
    return _listed(found, data, only) if only else _without_copies(found.films)


def _without_copies(films: Sequence[Film]) -> list[Film]:
    """Return the films without files that have the bytes of an earlier one of the same class."""
    first: dict[tuple[str, int], Film] = {}
    for film in films:
        if film.twin:
            first.setdefault((film.twin, film.label), film)
    kept = [f for f in films if not f.twin or first[f.twin, f.label] is f]
    if copies := len(films) - len(kept):
        print_notes([f"{copies:,} films are copies of others under other names; each counts once."])
    return kept


def _listed(found: Survey, data: Path, only: Path) -> list[Film]:
    lines = read_list(only)
    by_path = {film.path: film for film in found.films} | found.again
    names = Names(data, by_path)
    listed = [(line, names.find(line)) for line in lines]
    missing = [line for line, paths in listed if not paths]
    if missing:
        raise BadDataset(
            f"{len(missing)} of the {len(lines)} films in {only} are not below {data}, "
            f"e.g. {printable(missing[0])}: name the folder that the list was made from."
        )
    unclear = [line for line, paths in listed if len({by_path[path] for path in paths}) > 1]
    if unclear:
        raise BadDataset(
            f"{len(unclear)} of the {len(lines)} films in {only} may be any of several below "
            f"{data}, e.g. {printable(unclear[0])}: list each by its path."
        )
    films = list(dict.fromkeys(by_path[path] for _, paths in listed for path in sorted(paths)))
    if twice := len(lines) - len(films):
        print_notes([f"{only} lists {twice:,} films twice; each counts once."])
    if len({film.label for film in films}) < len(CLASSES):
        raise BadDataset(f"{only} lists films of one class only: list some of both.")
    return films
