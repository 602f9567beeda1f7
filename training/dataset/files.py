"""List files below a folder, with the oddities of real file systems and archives."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imaging.grey import Grey
from imaging.readers import read_grey
from imaging.refusals import NotReadable
from screening.errors import Mistake
from screening.formats import DICOM_PREFIX_BYTES, Format, format_of
from screening.messages import printable

SUFFIXES = frozenset({".jpeg", ".jpg", ".png", ".dcm", ".dicom"})

_HEAD_BYTES = 64 * 1024  # compared before whole files are
# Files that systems leave beside films: thumbnails, resource forks, recycle bins.
_JUNK_FOLDERS = frozenset(
    {"__macosx", "@eadir", "$recycle.bin", "system volume information", ".ipynb_checkpoints"}
)
_JUNK_FILES = frozenset({"thumbs.db", "desktop.ini", ".ds_store", "ehthumbs.db"})


class BadDataset(Mistake):
    """The folder can't be trained on or measured; the message says why and what to do."""


@dataclass
class Listing:
    """The contents of a folder. Each real folder is entered once, whatever links lead to it.

    `links_again` are links to folders that are already listed, `broken` are dangling links.
    """

    films: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    links_again: list[Path] = field(default_factory=list)
    broken: list[Path] = field(default_factory=list)


def list_files(folder: Path) -> Listing:
    """List the films and the other files below `folder`, at any depth, following links.

    Raises BadDataset for a folder that can't be opened.
    """
    listing = Listing()
    entered = {_identity(folder)}
    links: list[Path] = []
    _enter([folder], listing, entered, links)
    # Links come last, so that a folder that is also present itself is listed in its own place.
    while links:
        link = links.pop(0)
        if _identity(link) in entered:
            listing.links_again.append(link)
            continue
        entered.add(_identity(link))
        _enter([link], listing, entered, links)
    return listing


def _enter(
    waiting: list[Path], listing: Listing, entered: set[tuple[int, int]], links: list[Path]
) -> None:
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise BadDataset(
                f"The folder {printable(str(folder))} can't be opened: {error.strerror}. "
                "Films in it would be missed: make it readable, or move it away."
            ) from error
        for entry in found:
            path = folder / entry.name
            if not path.exists():
                listing.broken.append(path)
            elif path.is_dir():
                if entry.name.lower() in _JUNK_FOLDERS:
                    continue
                if entry.is_symlink():
                    links.append(path)
                elif _identity(path) not in entered:
                    entered.add(_identity(path))
                    waiting.append(path)
            elif not is_junk(path):
                (listing.films if is_film(path) else listing.others).append(path)


def is_junk(path: Path) -> bool:
    """Return whether a system created the file: macOS writes a `._film.jpeg` beside each film."""
    return path.name.startswith("._") or path.name.lower() in _JUNK_FILES


def is_film(path: Path) -> bool:
    """Decide by the name, or by the first bytes: PACS export DICOM with names like `1.2.840.7`."""
    if path.name.startswith(".") or not path.is_file():
        return False
    return path.suffix.strip().lower() in SUFFIXES or file_format(path) is not None


def file_format(path: Path) -> Format | None:
    """Return the format by the first bytes; None for other files, or if it can't be opened."""
    try:
        with path.open("rb") as file:
            return format_of(file.read(DICOM_PREFIX_BYTES))
    except OSError:
        return None


def copies(paths: Sequence[Path]) -> list[list[Path]]:
    """Return groups of two or more of `paths` that are images with the same bytes."""
    groups = [list(paths)]
    for key in (_size, _head, _content):
        groups = [same for group in groups for same in _grouped(group, key)]
    return groups


def _grouped(paths: Iterable[Path], key: Callable[[Path], object]) -> list[list[Path]]:
    by_key: dict[object, list[Path]] = defaultdict(list)
    for path in paths:
        try:
            value = key(path)
        except OSError:  # the reader of the film will report it
            continue
        if value:
            by_key[value].append(path)
    return [group for group in by_key.values() if len(group) > 1]


def _size(path: Path) -> int:
    return path.stat().st_size


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return hashlib.sha256(head).digest() if format_of(head) else b""


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def read_image(path: Path) -> Grey:
    """Return the file's grey levels.

    Raise BadDataset with the name of a file that can't be read.
    """
    try:
        return read_grey(path.read_bytes())
    except (OSError, NotReadable) as error:
        raise BadDataset(f"{path} can't be read: {error} Replace or remove it.") from error
