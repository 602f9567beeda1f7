"""Folders as hospitals, archives and file systems make them: all films count, each once."""

import os
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.dicom_films import dicom
from training.dataset.folder import (
    BadDataset,
    Film,
    find_films,
    notes_on_shared_patients,
    split_films,
    survey,
)
from training.dataset.identity import Known, Patient, digest, names_nobody, published
from training.dataset.patients import patients_kept_out

CLASSES = ("NORMAL", "PNEUMONIA")
JPEG = b"\xff\xd8\xff"
GREY = np.add.outer(np.arange(32), np.arange(40)).astype(np.uint8)


def put(folder: Path, *names: str, same: bytes | None = None) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(JPEG + (same or os.fsencode(name)))


def put_dicom(path: Path, patient: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(dicom(GREY, tags={"PatientID": patient, "StudyDescription": path.name}))


def spelt(name: str) -> st.SearchStrategy[str]:
    """Return ways in which people and systems write the name of a class folder."""
    return st.tuples(
        st.sampled_from([name, name.lower(), name.title(), name.swapcase()]),
        st.sampled_from(["", " ", "_", "."]),
    ).map("".join)


PLACES = st.lists(
    st.sampled_from(["train", "VAL", "Test ", "chest_xray", "a b", "größe", "2024-01-31", "x;y,z"]),
    max_size=3,
).map("/".join)
BELOW = st.lists(st.sampled_from(["p1", "patient 2", "0", "1", "studie", "2024"]), max_size=3).map(
    "/".join
)


@settings(max_examples=60, deadline=None)
@given(
    normal=st.lists(st.tuples(PLACES, spelt("NORMAL"), BELOW), min_size=1, max_size=5),
    ill=st.lists(st.tuples(PLACES, spelt("PNEUMONIA"), BELOW), min_size=1, max_size=5),
)
def test_every_film_below_a_class_folder_is_found(
    normal: list[tuple[str, str, str]], ill: list[tuple[str, str, str]]
) -> None:
    with TemporaryDirectory() as data:
        for label, places in enumerate((normal, ill)):
            for number, place in enumerate(places):
                put(Path(data), "/".join([*filter(None, place), f"film {label} {number}.jpeg"]))
        found = survey(Path(data))
        assert sorted(film.path.name for film in found.films) == sorted(
            f"film {label} {number}.jpeg"
            for label, places in enumerate((normal, ill))
            for number in range(len(places))
        )
        assert all(film.path.name.startswith(f"film {film.label}") for film in found.films)
        for film in found.films:
            assert (film.split == "test") == ("Test " in film.path.parts)


@settings(max_examples=40, deadline=None)
@given(
    wheres=st.lists(st.sampled_from(["chest_xray", "copy/of", "train", "z"]), max_size=3),
    how=st.sampled_from(["copy", "hard link", "link", "folder link"]),
)
def test_a_film_counts_once_however_often_it_is_reached(wheres: list[str], how: str) -> None:
    names = ["NORMAL/a.jpeg", "NORMAL/b.jpeg", "PNEUMONIA/a.jpeg", "PNEUMONIA/p/c.jpeg"]
    with TemporaryDirectory() as folder:
        data = Path(folder)
        put(data, *names)
        for number, where in enumerate(wheres):
            for name in names:
                again = data / f"{where}{number}" / name
                if how == "folder link":
                    again = again.parents[1 + name.count("/p/")]
                    if not again.is_symlink():
                        again.parent.mkdir(parents=True, exist_ok=True)
                        again.symlink_to(data, target_is_directory=True)
                    continue
                again.parent.mkdir(parents=True, exist_ok=True)
                if how == "copy":
                    again.write_bytes((data / name).read_bytes())
                elif how == "link":
                    again.symlink_to(data / name)
                else:
                    again.hardlink_to(data / name)
        found = survey(data)
        assert sorted(str(film.path.relative_to(data)) for film in found.films) == names
        assert bool(found.notes) == bool(wheres) or found.notes[0].endswith("they do not.")


def test_a_linked_split_is_read_and_a_circle_of_links_does_not_loop(tmp_path: Path) -> None:
    put(tmp_path / "data/val", "NORMAL/a.jpeg", "PNEUMONIA/b.jpeg")
    put(tmp_path / "disk/train", "NORMAL/c.jpeg", "PNEUMONIA/d.jpeg")
    (tmp_path / "data/train").symlink_to(tmp_path / "disk/train")
    (tmp_path / "disk/train/up").symlink_to(tmp_path / "data")
    (tmp_path / "data/gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "data/itself").symlink_to("itself")
    found = survey(tmp_path / "data")
    assert {(film.path.name, film.split) for film in found.films} == {
        ("a.jpeg", "validation"),
        ("b.jpeg", "validation"),
        ("c.jpeg", "train"),
        ("d.jpeg", "train"),
    }
    assert [note.split(",")[0] for note in found.notes] == [
        "2 links are dangling and are left out",
        "1 links lead to folders that are listed already and count once",
    ]


def test_files_that_are_no_images_are_no_copies_of_each_other(tmp_path: Path) -> None:
    for name in ("NORMAL/a.jpeg", "x/NORMAL/a.jpeg", "PNEUMONIA/b.jpeg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("404 Not Found")
    assert [film.twin for film in find_films(tmp_path)] == ["", "", ""]


def test_a_copy_in_the_test_split_is_the_one_that_counts(tmp_path: Path) -> None:
    put(tmp_path, "train/NORMAL/a.jpeg", "test/NORMAL/a.jpeg", same=b"one")
    put(tmp_path, "train/PNEUMONIA/b.jpeg")
    assert [film.split for film in find_films(tmp_path)] == ["test", "train"]


def test_one_film_in_two_classes_is_pointed_out(tmp_path: Path) -> None:
    put(tmp_path, "NORMAL/a.jpeg", "PNEUMONIA/x.jpeg", same=b"one")
    (note,) = survey(tmp_path).notes
    assert note == (
        "NORMAL/a.jpeg and PNEUMONIA/x.jpeg are the same film in two classes: remove one of them."
    )


def test_a_folder_that_can_not_be_opened_stops_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "NORMAL/a.jpeg", "PNEUMONIA/b.jpeg")
    scan = os.scandir

    def closed(path: Path) -> object:
        if Path(path).name == "NORMAL":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(BadDataset, match="NORMAL can't be opened: Permission denied"):
        find_films(tmp_path)


def test_files_are_films_by_their_bytes_where_the_name_says_nothing(tmp_path: Path) -> None:
    for name in ("1.2.840.113619.2.5", "IMG0001", "film.ima", "film.dcm "):
        put_dicom(tmp_path / "NORMAL" / name, "P1")
    put(tmp_path, "NORMAL/scan", same=b" and so on")
    put(tmp_path, "NORMAL/scan.jfif", same=b" and on")
    put(tmp_path, "PNEUMONIA/b.JPG", "NORMAL/.DS_Store", "__MACOSX/NORMAL/c.jpeg")
    put(tmp_path, "NORMAL/@eaDir/thumb.jpg", "NORMAL/$RECYCLE.BIN/d.jpeg")
    found = survey(tmp_path)
    assert len(found.films) == 7
    assert found.notes == []


@settings(max_examples=60, deadline=None)
@given(
    patients=st.lists(st.integers(1, 12), min_size=40, max_size=60),
    spelling=st.sampled_from(["{}", " {} ", "000{}", "{}^^^HOSPITAL", "{}\0"]),
    named=st.booleans(),
)
def test_a_patient_is_on_one_side_whatever_class_name_and_spelling(
    patients: list[int], spelling: str, named: bool
) -> None:
    numbers = [f"a{number}" for number in patients]
    films = [
        Film(Path(str(index)), index % 2, Patient(0, "", 0, digest(number)), "", Known.PATIENT_ID)
        for index, number in enumerate(
            spelling.format(each) if index % 3 else each.upper()
            for index, each in enumerate(numbers)
        )
    ]
    apart = {films[0].patient} if named else set()
    try:
        training, validation = split_films(films, 0, 4, apart)
    except BadDataset:
        return  # too few to part
    sides = [{numbers[int(str(film.path))] for film in part} for part in (training, validation)]
    assert not sides[0] & sides[1]
    assert len(training) + len(validation) == len(films)


@pytest.mark.parametrize(
    "number", ["", " ", "0", "000", "ANONYMOUS", "Anonymized Patient", "N/A", "unknown", "XXX", "-"]
)
def test_a_patient_number_that_all_films_share_identifies_nobody(number: str) -> None:
    assert names_nobody(number)
    assert not names_nobody(f"{number}7")


def test_the_tag_outranks_the_name_and_the_folder(tmp_path: Path) -> None:
    put_dicom(tmp_path / "NORMAL/p1/person1_x.dcm", "0042")
    put_dicom(tmp_path / "PNEUMONIA/p2/person2_x.dcm", " 42^^^H ")
    put_dicom(tmp_path / "PNEUMONIA/p3/person3_x.dcm", "ANONYMOUS")
    put(tmp_path, "PNEUMONIA/p4/film.jpeg", "NORMAL/p4/film.jpeg")
    healthy, other, ill, nobody, last = find_films(tmp_path)
    assert healthy.patient == ill.patient
    assert [each.known for each in (healthy, nobody, last)] == [
        Known.PATIENT_ID,
        Known.FILE_NAME,
        Known.FOLDER,
    ]
    assert other.patient == last.patient == Patient(0, "", 0, "p4")


def test_a_folder_around_all_films_is_no_patient(tmp_path: Path) -> None:
    put(tmp_path, *(f"{name}/images/jpeg/{n}.jpeg" for name in CLASSES for n in range(3)))
    assert {film.known for film in find_films(tmp_path)} == {Known.NOTHING}
    assert survey(tmp_path).notes == []


def nameless(folder: Path, count: int) -> None:
    put(folder, *(f"{name}/{name}{n}.jpeg" for name in CLASSES for n in range(count)))


def test_copies_under_other_names_are_on_one_side(tmp_path: Path) -> None:
    nameless(tmp_path, 20)
    put(tmp_path, *(f"NORMAL/NORMAL{n}.jpeg" for n in (0, 9, 15)), same=b"one film")
    for fold in range(10):
        training, validation = split_films(find_films(tmp_path), fold, 10, ())
        sides = [{film.twin for film in part} - {""} for part in (training, validation)]
        assert not sides[0] & sides[1]


def test_patients_who_share_a_film_with_the_test_split_are_not_trained_on(tmp_path: Path) -> None:
    nameless(tmp_path, 20)
    put(tmp_path, "NORMAL/NORMAL9.jpeg", "test/NORMAL/other.jpeg", same=b"one film")
    training, _ = split_films(find_films(tmp_path), 0, 10, ())
    assert "NORMAL9.jpeg" not in {film.path.name for film in training}
    assert len(training) == 35


def kept_out_of(data: Path, apart: Path, table: str | None = None) -> set[str]:
    from training.dataset.patients import name_patients

    found = find_films(data)
    csv = None
    if table is not None:
        csv = data.parent / "patients.csv"
        csv.write_text(table)
    films = name_patients(found, data, csv) if csv else found
    held = patients_kept_out(apart, found, films, csv)
    return {film.path.name for film in films if film.patient in held}


def test_a_table_adds_to_the_held_out_patients(tmp_path: Path) -> None:
    data, apart = tmp_path / "data", tmp_path / "apart"
    nameless(data, 4)
    table = "film,patient\n" + "".join(
        f"{name}/{name}{n}.jpeg,P{n}\n" for name in CLASSES for n in range(4)
    )
    # One film by its bytes, one by its line in the table, one by the same name.
    put(apart, "PNEUMONIA/renamed.jpeg", same=b"PNEUMONIA/PNEUMONIA2.jpeg")
    put(apart, "NORMAL/elsewhere.jpeg", "NORMAL/NORMAL0.jpeg")
    expected = {f"{name}{n}.jpeg" for name in CLASSES for n in (0, 2, 3)}
    assert kept_out_of(data, apart, f"{table}elsewhere.jpeg,p3\n") == expected
    with pytest.raises(BadDataset, match=r"The patient of NORMAL/elsewhere.jpeg of --keep-out is"):
        kept_out_of(data, apart, table)


def test_films_without_a_known_patient_are_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nameless(tmp_path / "data", 3)
    put(tmp_path / "apart", "NORMAL/elsewhere.jpeg")
    assert kept_out_of(tmp_path / "data", tmp_path / "apart") == set()
    assert "The patients of 1 films of --keep-out are unknown" in capsys.readouterr().err


def test_a_table_and_a_tag_mean_the_same_number(tmp_path: Path) -> None:
    data, apart = tmp_path / "data", tmp_path / "apart"
    nameless(data, 3)
    put_dicom(apart / "NORMAL/x.dcm", "00P1")
    lines = [f"{name}{n}.jpeg,p{n}" for name in CLASSES for n in range(3)]
    assert kept_out_of(data, apart, "\n".join(["film,patient", *lines])) == {
        "NORMAL1.jpeg",
        "PNEUMONIA1.jpeg",
    }


def test_names_in_any_form_are_the_same_patient() -> None:
    composed = unicodedata.normalize("NFC", "Jürgen")
    assert digest(composed) == digest(unicodedata.normalize("NFD", composed).upper())
    assert published("PERSON7_x.jpeg") == published("person7_y.png")


def test_messages_contain_no_control_characters(tmp_path: Path) -> None:
    put(tmp_path, "NORMAL/a.jpeg", "PNEUMONIA/b.jpeg", "other/\x1b[31mred\n.jpeg")
    (note,) = survey(tmp_path).notes
    assert note.isprintable()
    shared = [
        Film(Path("x"), 0, Patient(0, "", 0, "\x1b["), split, Known.TABLE)
        for split in ("train", "test")
    ]
    assert all(each.isprintable() for each in notes_on_shared_patients(shared))
