from collections.abc import Sequence
from pathlib import Path

import pytest

from training.dataset.folder import (
    BadDataset,
    Film,
    Patient,
    find_films,
    notes_on_shared_patients,
    split_as_reported,
    split_films,
    survey,
)
from training.dataset.identity import Known


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def numbered(label: int, series: str, numbers: Sequence[int], split: str = "") -> list[Film]:
    return [Film(Path(f"{series}{n}"), label, Patient(label, series, n), split) for n in numbers]


def test_films_are_found_in_the_published_layout_and_in_bare_class_folders(tmp_path: Path) -> None:
    touch(
        tmp_path, "train/NORMAL/a.jpeg", "val/NORMAL/b.PNG", "PNEUMONIA/c.jpg", "NORMAL/notes.txt"
    )
    films = find_films(tmp_path)
    assert [(film.path.name, film.label) for film in films] == [
        ("a.jpeg", 0),
        ("b.PNG", 0),
        ("c.jpg", 1),
    ]


@pytest.mark.parametrize(
    ("name", "series", "number"),
    [
        ("person1011_bacteria_2942.jpeg", "person", 1011),
        ("person1011_virus_1711.jpeg", "person", 1011),
        ("IM-0117-0001.jpeg", "IM-", 117),
        ("NORMAL2-IM-0479-0001.jpeg", "NORMAL2-IM-", 479),
    ],
)
def test_the_patient_is_read_from_a_published_name(
    tmp_path: Path, name: str, series: str, number: int
) -> None:
    touch(tmp_path, f"NORMAL/{name}", f"PNEUMONIA/{name}")
    # Healthy or ill: it is one person, known as in the published set.
    patient = Patient(int(series == "person"), series, number)
    assert {film.patient for film in find_films(tmp_path)} == {patient}


def test_a_film_of_another_name_is_a_patient_of_its_own(tmp_path: Path) -> None:
    touch(tmp_path, "NORMAL/anna.jpeg", "NORMAL/bert.jpeg", "PNEUMONIA/anna.jpeg")
    assert len({film.patient for film in find_films(tmp_path)}) == 3


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadDataset, match="nowhere is not a folder"):
        find_films(tmp_path / "nowhere")


def test_a_class_without_films_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "NORMAL/a.jpeg")
    with pytest.raises(BadDataset, match="No JPEG, PNG or DICOM film is in a folder PNEUMONIA"):
        find_films(tmp_path)


def test_no_patient_is_on_both_sides_and_no_film_is_lost() -> None:
    films = [*numbered(0, "IM-", [1, 1, 2, 3, 4]), *numbered(1, "person", [1, 2, 2, 3, 4])]
    training, validation = split_films(films, fold=1, folds=2, always_held_out=())
    assert {f.patient for f in training} & {f.patient for f in validation} == set()
    assert sorted(f.path for f in training + validation) == sorted(f.path for f in films)


def test_a_whole_block_of_patient_numbers_is_held_out_of_each_series() -> None:
    films = [*numbered(0, "IM-", range(10)), *numbered(1, "person", range(100, 120))]
    _, validation = split_films(films, fold=0, folds=5, always_held_out=())
    assert [film.patient.number for film in validation] == [0, 1, 100, 101, 102, 103]


def test_named_patients_are_always_held_out() -> None:
    films = [*numbered(0, "IM-", range(10)), *numbered(1, "person", range(10))]
    training, _ = split_films(films, 0, 5, always_held_out=[Patient(1, "person", 9)])
    assert 9 not in [film.patient.number for film in training if film.label == 1]


def test_too_few_patients_to_split_is_an_error() -> None:
    films = [*numbered(0, "IM-", [1]), *numbered(1, "person", range(10))]
    with pytest.raises(BadDataset, match="part has no film of"):
        split_films(films, 0, 5, always_held_out=())


def test_the_class_folders_may_be_numbers(tmp_path: Path) -> None:
    touch(tmp_path, "train/0/a.jpeg", "train/1/b.jpeg", "val/1/c.jpeg")
    films = find_films(tmp_path)
    assert [(film.path.name, film.label) for film in films] == [
        ("a.jpeg", 0),
        ("b.jpeg", 1),
        ("c.jpeg", 1),
    ]


def test_classes_named_in_two_ways_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "train/NORMAL/a.jpeg", "train/PNEUMONIA/b.jpeg", "val/1/c.jpeg")
    with pytest.raises(BadDataset, match=r"2 films in .* and 1 in .*name the classes in one way"):
        find_films(tmp_path)


def test_a_number_below_a_class_folder_is_a_patient(tmp_path: Path) -> None:
    touch(tmp_path, "NORMAL/0/a.jpeg", "NORMAL/1/b.jpeg", "PNEUMONIA/1/c.jpeg")
    first, second, ill = find_films(tmp_path)
    assert [first.label, second.label, ill.label] == [0, 0, 1]
    assert first.patient != second.patient == ill.patient


def test_a_film_below_both_numbers_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "0/1/a.jpeg", "1/b.jpeg")
    with pytest.raises(BadDataset, match="below folders 0 and 1, so its class is unclear"):
        find_films(tmp_path)


def test_macos_companion_files_are_not_films(tmp_path: Path) -> None:
    touch(tmp_path, "NORMAL/a.jpeg", "PNEUMONIA/b.jpeg", "__MACOSX/NORMAL/._a.jpeg")
    assert [film.path.name for film in find_films(tmp_path)] == ["a.jpeg", "b.jpeg"]


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("train", "train"),
        ("val", "validation"),
        ("valid", "validation"),
        ("Validation", "validation"),
        ("test", "test"),
        ("test/train", "test"),
        ("hospital", ""),
        (".", ""),
    ],
)
def test_the_split_is_read_from_the_folders(tmp_path: Path, folder: str, split: str) -> None:
    touch(tmp_path, f"{folder}/NORMAL/a.jpeg", f"{folder}/PNEUMONIA/b.jpeg")
    assert {film.split for film in find_films(tmp_path)} == {split}


def test_a_test_folder_named_itself_is_a_test_split_too(tmp_path: Path) -> None:
    touch(tmp_path, "test/NORMAL/a.jpeg", "test/PNEUMONIA/b.jpeg")
    assert {film.split for film in find_films(tmp_path / "test")} == {"test"}


def test_films_of_the_test_split_are_in_no_part() -> None:
    films = [
        *numbered(0, "IM-", range(100)),
        *numbered(1, "person", range(100)),
        *numbered(0, "IM-", range(50, 150), "test"),
        *numbered(1, "person", range(50, 150), "test"),
    ]
    for training, validation in (split_films(films, 0, 5, ()), split_as_reported(films, (), 1)):
        assert {film.split for film in training + validation} == {""}
        assert len(training + validation) == 200


def test_the_reports_split_holds_out_46_films_of_patients_of_their_own() -> None:
    films = [
        *numbered(0, "IM-", [*range(60), *range(60), *range(30)]),
        *numbered(1, "person", [*range(200), *range(150), *range(150)]),
    ]
    kept_out = [Patient(1, "person", 7), Patient(0, "IM-", 3)]
    training, validation = split_as_reported(films, kept_out, seed=1)
    assert (len(training), len(validation)) == (604, 46)
    assert {f.patient for f in training} & {f.patient for f in validation} == set()
    assert set(kept_out) <= {f.patient for f in validation}
    assert split_as_reported(films, kept_out, seed=1) == (training, validation)


def test_too_few_films_for_the_reports_split_is_an_error() -> None:
    films = [*numbered(0, "IM-", range(20)), *numbered(1, "person", range(26))]
    with pytest.raises(BadDataset, match="training part has no film of NORMAL"):
        split_as_reported(films, (), seed=1)


def test_a_patient_in_two_splits_is_named() -> None:
    films = [
        *numbered(0, "IM-", [1, 2, 3], "train"),
        *numbered(0, "IM-", [3], "validation"),
        *numbered(1, "person", [1, 2], "train"),
        *numbered(1, "person", [2, 1, 5], "test"),
    ]
    with_validation, with_test = notes_on_shared_patients(films)
    assert with_validation.startswith(
        "1 patient(s) have films in train and in validation, e.g. IM-3"
    )
    assert with_test.startswith("2 patient(s) have films in train and in test, e.g. person1:")
    assert notes_on_shared_patients(numbered(1, "person", [1, 1, 2], "train")) == []


def test_a_patient_surely_in_the_test_split_is_not_trained_on() -> None:
    films = [*numbered(0, "IM-", range(30)), *numbered(1, "person", range(30))]
    ill = Patient(0, "", 0, "digest of a PatientID")
    both = [
        Film(Path("a.dcm"), 1, ill, "train", Known.PATIENT_ID),
        Film(Path("b.dcm"), 0, ill, "test", Known.PATIENT_ID),
    ]
    training, validation = split_films([*films, *both], 0, 10, ())
    assert both[0] not in training
    assert both[0] in validation
    (sentence,) = notes_on_shared_patients(both)
    assert "those in train are held out" in sentence


def test_files_that_are_no_films_are_counted(tmp_path: Path) -> None:
    touch(tmp_path, "NORMAL/a.jpeg", "NORMAL/b.tiff", "train/PNEUMONIA/p/c.pdf", "notes.txt")
    touch(tmp_path, "NORMAL/._a.jpeg", "NORMAL/Thumbs.db", "PNEUMONIA/b.jpeg")
    (note,) = survey(tmp_path).notes
    assert note.startswith("2 files in class folders are not JPEG, PNG or DICOM and are left out")


def test_films_in_no_class_folder_are_counted(tmp_path: Path) -> None:
    touch(tmp_path, "NORMAL/a.jpeg", "PNEUMONIA/b.jpeg", "Pneumonie/c.jpeg", "d.png")
    (note,) = survey(tmp_path).notes
    assert note.startswith("2 films are not in a folder NORMAL or PNEUMONIA and are left out")
    (tmp_path / "PNEUMONIA/b.jpeg").unlink()
    with pytest.raises(BadDataset, match=r"folder PNEUMONIA .*\(2 lie in other folders"):
        survey(tmp_path)
