"""Patients given by a table, and copies among their films."""

from io import BytesIO
from pathlib import Path

import pytest
import torch

from testbed.dicom_films import dicom, film
from training.dataset.folder import BadDataset, find_films
from training.dataset.identity import patient_in
from training.dataset.patients import name_patients, notes_on_nameless
from training.learning.fit import Labelled, without_copies


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("NORMAL/a.png", "NORMAL/b.png", "PNEUMONIA/c.png"):
        path = tmp_path / "films" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "films"


def table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "patients.csv"
    path.write_text(text)
    return path


def test_a_table_names_patients_across_classes(data: Path, tmp_path: Path) -> None:
    lines = "film,patient\nNORMAL/a.png,Ann\nb.png,Ben\nc.png,Ann\n"
    films = name_patients(find_films(data), data, table(tmp_path, lines))
    first, second, third = (film.patient for film in films)
    assert first == third != second
    assert str(second) == "Ben"
    assert notes_on_nameless(films) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name,who\n", "must begin with a line of its columns: film,patient"),
        ("film,patient\na.png,Ann\nb.png,\nc.png,Ben\n", "names no patient for NORMAL/b.png"),
        ("film,patient\na.png,Ann\n", "for NORMAL/b.png and 1 other films"),
        (
            "film,patient\na.png,Ann\nb.png,Ben\nc.png,Ben\nC.PNG,Ann\n",
            "two patients for C.PNG, Ben and Ann",
        ),
    ],
)
def test_a_table_that_leaves_something_open_is_refused(
    data: Path, tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(BadDataset, match=complaint):
        name_patients(find_films(data), data, table(tmp_path, text))


def test_names_without_a_patient_are_reported(data: Path) -> None:
    (sentence,) = notes_on_nameless(find_films(data))
    assert "--patients CSV" in sentence
    (data / "NORMAL" / "IM-0117-0001.jpeg").touch()
    (sentence,) = notes_on_nameless(find_films(data))
    assert sentence.startswith("The names of 3 of 4 films do not identify their patients")


def test_copies_are_left_out_but_not_those_that_contradict() -> None:
    films = torch.tensor([[1, 2], [3, 4], [1, 2], [3, 4]], dtype=torch.uint8)
    kept = without_copies(Labelled(films, torch.tensor([0, 0, 0, 1])))
    assert kept.films.tolist() == [[1, 2], [3, 4], [3, 4]]
    assert kept.labels.tolist() == [0, 0, 1]


def test_patients_are_distinguished_by_a_hash() -> None:
    one, same, other = (
        patient_in(BytesIO(dicom(film(), tags={"PatientID": number})))
        for number in ("A 1", "A 1", "A 2")
    )
    assert one == same != other
    assert one is not None
    assert "A" not in one.name
    assert patient_in(BytesIO(dicom(film(), tags={"PatientID": ""}))) is None
