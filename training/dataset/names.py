"""Lists and tables of films, as written by editors, Windows and spreadsheets."""

import codecs
import contextlib
import csv
import io
import json
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TextIO

from training.dataset.files import BadDataset

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_LINE = re.compile(r"\r\n|\r|\n")
_DELIMITERS = ",;\t|"


def open_table(path: Path) -> TextIO:
    """Open a CSV file to write names into; names that are not UTF-8 are kept byte for byte."""
    return path.open("w", encoding="utf-8", errors="surrogateescape", newline="")


def write_list(path: Path, names: Iterable[Path]) -> None:
    """Write a name to a line; as a JSON string if it would not fit into a line."""
    lines = "".join(f"{_line(name.as_posix())}\n" for name in names)
    path.write_bytes(os.fsencode(lines))


def read_list(path: Path) -> list[str]:
    """Return the lines of a list of films that are not empty. Raises BadDataset."""
    return [line for line in _LINE.split(_text(path, "list")) if line.strip()]


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of a CSV file by `columns`.

    Separators are commas, semicolons or tabs; headings may be in any case. Raises BadDataset for a
    file that can't be read or lacks a column.
    """
    text = _LINE.sub("\n", _text(path, "table"))
    first, _, rest = text.partition("\n")
    if re.fullmatch(r'"?sep=."?\s*', first.lower()):  # Excel's own first line
        text = rest
    try:
        for delimiter in _DELIMITERS:
            rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
            heading = [name.strip().casefold() for name in next(rows, [])]
            if set(columns) <= set(heading):
                places = {name: heading.index(name) for name in columns}
                return [_cells(row, places) for row in rows if any(map(str.strip, row))]
    except csv.Error as error:
        raise BadDataset(f"{path} can't be read as a CSV file: {error}.") from error
    raise BadDataset(f"{path} must begin with a line of its columns: {','.join(columns)}.")


def _cells(row: Sequence[str], places: Mapping[str, int]) -> dict[str, str]:
    return {name: row[at].strip() if at < len(row) else "" for name, at in places.items()}


class Names:
    """Paths below the folder `data`, found by the spellings that people use."""

    def __init__(self, data: Path, paths: Iterable[Path]) -> None:
        self._data = data
        self._exact: dict[str, Path] = {}
        self._alike: Mapping[str, set[Path]] = defaultdict(set)
        self._by_file: Mapping[str, set[Path]] = defaultdict(set)
        for path in paths:
            below = path.relative_to(data).as_posix()
            self._exact[below] = path
            self._alike[_alike(below)].add(path)
            self._by_file[_alike(path.name)].add(path)

    def find(self, text: str) -> set[Path]:
        """Return the paths that `text` may mean: a path below `data`, or a file name alone.

        It accepts slashes of either kind, `./`, quotes, spaces around it, and a path that leads to
        `data`; case and Unicode's forms make no difference unless two paths differ in them.
        """
        for spelling in _spellings(text):
            if spelling in self._exact:
                return {self._exact[spelling]}
        for spelling in _spellings(text):
            for below in self._below(spelling):
                if below in self._exact:
                    return {self._exact[below]}
                if found := self._alike.get(_alike(below)):
                    return set(found)
        for spelling in _spellings(text):
            if "/" not in spelling and (found := self._by_file.get(_alike(spelling))):
                return set(found)
        return set()

    def _below(self, spelling: str) -> Iterable[str]:
        """Yield `spelling` as it is, and without the folders that lead to the data."""
        parts = PurePosixPath(spelling).parts
        yield "/".join(parts)
        own = _alike(self._data.resolve().name)
        for index, part in enumerate(parts[:-1]):
            if own and _alike(part) == own:
                yield "/".join(parts[index + 1 :])


def _spellings(text: str) -> list[str]:
    """Yield the meanings that a line of a list may have, likeliest first."""
    bare = text.strip()
    found = [text, bare]
    if len(bare) > 1 and bare[0] == bare[-1] == '"':
        with contextlib.suppress(ValueError):
            found.append(str(json.loads(bare)))
        found.append(bare[1:-1])
    found += [each.replace("\\", "/") for each in found]
    return list(dict.fromkeys(found))


def _alike(name: str) -> str:
    """Return the name without system differences: case, Unicode's form, Latin-1 or UTF-8."""
    if any("\udc80" <= sign <= "\udcff" for sign in name):
        name = os.fsencode(name).decode("cp1252", errors="replace")
    return unicodedata.normalize("NFC", name).casefold()


def _line(name: str) -> str:
    return json.dumps(name) if _LINE.search(name) or name != name.strip() else name


def _text(path: Path, what: str) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadDataset(f"The {what} {path} can't be read: {error.strerror}.") from error
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), None)
    if encoding is None and b"\0" in data[:2]:
        encoding = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
    try:
        return data.decode(encoding or "utf-8", errors="strict" if encoding else "surrogateescape")
    except UnicodeDecodeError as error:
        raise BadDataset(f"The {what} {path} can't be read as text: {error.reason}.") from error
