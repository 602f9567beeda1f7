"""Lists and tables of films as editors, Windows and spreadsheets write them."""

import csv
import io
import unicodedata
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.dataset.chosen import chosen_films
from training.dataset.files import BadDataset
from training.dataset.names import Names, read_list, read_table, write_list

DATA = Path("/films/chest_xray")
NAME = st.text(
    st.one_of(
        st.sampled_from("abzAZ09 ._-,;'\"\\()+=@ äöüßéñ漢\t\n\r\udcfc\u0301\u2028\x85"),
        st.characters(exclude_characters="/\0", exclude_categories=["Cs"]),
    ),
    min_size=1,
    max_size=12,
).filter(lambda name: name not in (".", ".."))
PATHS = st.lists(NAME, min_size=1, max_size=3).map("/".join)


@settings(max_examples=200, deadline=None)
@given(names=st.lists(PATHS, min_size=1, max_size=6, unique=True))
def test_every_name_is_read_as_it_was_written(names: list[str]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "list.txt")
        write_list(path, map(Path, names))
        index = Names(DATA, [DATA / name for name in names])
        found = [index.find(line) for line in read_list(path)]
    assert found == [{DATA / name} for name in names]


FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "with spaces around": lambda name: f"  {name}\t",
    "quoted, as Windows copies a path": lambda name: f'"{name}"',
    "backslashes": lambda name: name.replace("/", "\\"),
    "from here": lambda name: f"./{name}",
    "from here, on Windows": lambda name: ".\\" + name.replace("/", "\\"),
    "absolute": lambda name: f"{DATA}/{name}",
    "absolute, on Windows": lambda name: f"D:\\x\\chest_xray\\{name}".replace("/", "\\"),
    "with the folder's name": lambda name: f"chest_xray/{name}",
    "in another Unicode form": lambda name: unicodedata.normalize("NFD", name),
    "in capitals": str.upper,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("mark", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_film_is_known_by_whatever_a_list_calls_it(
    tmp_path: Path, form: Callable[[str], str], mark: str, end: str
) -> None:
    names = ["train/NORMAL/film 1 of 5.jpeg", "train/NORMAL/Jürgen, geröntgt.jpeg"]
    if mark == "cp1252":
        form = {FORMS["in another Unicode form"]: str}.get(form, form)
    path = tmp_path / "list.txt"
    path.write_bytes(end.join([*map(form, names), "", ""]).encode(mark))
    index = Names(DATA, [DATA / name for name in names])
    assert [index.find(line) for line in read_list(path)] == [{DATA / name} for name in names]


def test_a_latin_1_name_is_found_by_either_spelling() -> None:
    on_disk = DATA / "NORMAL/M\udcfcller.jpeg"
    index = Names(DATA, [on_disk, DATA / "NORMAL/other.jpeg"])
    assert index.find("NORMAL/Müller.jpeg") == index.find("NORMAL/M\udcfcller.jpeg") == {on_disk}


def test_another_folders_film_is_not_taken_for_one_of_these() -> None:
    index = Names(DATA, [DATA / "NORMAL/a.jpeg"])
    assert index.find("test/NORMAL/a.jpeg") == set()
    assert index.find("a.jpeg") == {DATA / "NORMAL/a.jpeg"}


def test_paths_that_differ_only_by_case_are_distinct() -> None:
    both = [DATA / "NORMAL/a.jpeg", DATA / "NORMAL/A.jpeg"]
    index = Names(DATA, both)
    assert index.find("NORMAL/a.jpeg") == {both[0]}
    assert index.find("normal/a.jpeg") == set(both)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.text("ab ,;\"'\täé/\\", min_size=1).filter(str.strip), st.text("PX 01;,", max_size=6)
        ),
        min_size=1,
        max_size=5,
    ),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    end=st.sampled_from(["\n", "\r\n"]),
    heading=st.sampled_from([("film", "patient"), (" Film", "PATIENT "), ("FILM", "Patient")]),
    first=st.sampled_from(["", "sep={}"]),
)
def test_a_table_is_read_in_every_dialect(
    rows: list[tuple[str, str]],
    delimiter: str,
    encoding: str,
    end: str,
    heading: tuple[str, str],
    first: str,
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    writer.writerows([(*heading, "note"), *((*row, "") for row in rows)])
    lines = (first.format(delimiter) + end if first else "") + text.getvalue()
    with TemporaryDirectory() as folder:
        path = Path(folder, "patients.csv")
        path.write_bytes(lines.encode(encoding))
        found = read_table(path, ("film", "patient"))
    assert found == [{"film": film.strip(), "patient": who.strip()} for film, who in rows]


def test_a_table_without_its_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "patients.csv"
    path.write_text("film;person\na;b\n")
    with pytest.raises(BadDataset, match="must begin with a line of its columns: film,patient"):
        read_table(path, ("film", "patient"))
    with pytest.raises(BadDataset, match="can't be read: No such file"):
        read_table(tmp_path / "none.csv", ("film", "patient"))


@pytest.fixture
def films(tmp_path: Path) -> Path:
    for name in ("NORMAL/a.jpeg", "NORMAL/copy.jpeg", "PNEUMONIA/b.jpeg", "x/NORMAL/a.jpeg"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\xff\xd8\xff" + (b"one" if "NORMAL" in name else b"other"))
    return tmp_path / "data"


def names(films: Path, *lines: str) -> list[str]:
    only = films.parent / "list.txt"
    only.write_text("".join(f"{line}\n" for line in lines))
    return [str(film.path.relative_to(films)) for film in chosen_films(films, only)]


def test_a_copy_counts_once_unless_a_list_names_it(
    films: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    all_films = [str(film.path.relative_to(films)) for film in chosen_films(films, None)]
    assert all_films == ["NORMAL/a.jpeg", "PNEUMONIA/b.jpeg"]
    said = capsys.readouterr().err
    assert "1 films are present twice: x/NORMAL/a.jpeg is the same film as NORMAL/a.jpeg" in said
    assert "1 films are copies of others under other names; each counts once." in said
    listed = names(films, "NORMAL/a.jpeg", "x/NORMAL/a.jpeg", "NORMAL/copy.jpeg", "b.jpeg")
    assert listed == ["NORMAL/a.jpeg", "NORMAL/copy.jpeg", "PNEUMONIA/b.jpeg"]
    assert "lists 1 films twice; each counts once" in capsys.readouterr().err


def test_a_line_that_may_mean_several_films_is_refused(films: Path) -> None:
    (films / "z/NORMAL").mkdir(parents=True)
    (films / "z/NORMAL/copy.jpeg").write_text("another")
    with pytest.raises(BadDataset, match=r"1 of the 2 films .* may be any of several"):
        names(films, "copy.jpeg", "PNEUMONIA/b.jpeg")
