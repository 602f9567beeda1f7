"""Folders of DICOM films, for the commands that take films."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxr_alert.program import main
from imaging.network_input import network_input
from imaging.readers import read_grey
from screening.facts import ADULT_REASON
from testbed.dicom_films import dicom
from training.dataset.channels import as_rgb
from training.dataset.folder import find_films
from training.dataset.prepare import prepare

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The samples as DICOM, of ten patients in each class, half of them without a suffix."""
    for label in ("NORMAL", "PNEUMONIA"):
        (tmp_path / "films" / label).mkdir(parents=True)
        for number, path in enumerate(sorted((ROOT / "samples" / label).glob("*.jpeg"))):
            grey = network_input(read_grey(path.read_bytes()), 320)
            data = dicom(grey, tags={"PatientID": f"{label} {number % 10}"})
            suffix = ".dcm" if number % 2 else ""
            (tmp_path / "films" / label / f"I{number:07}{suffix}").write_bytes(data)
    return tmp_path / "films"


def test_films_of_one_patient_number_are_one_patients(folder: Path) -> None:
    films = find_films(folder)
    assert len(films) == 24
    patients = [film.patient for film in films]
    assert len(set(patients)) == 20
    assert (patients[0], patients[1]) == (patients[10], patients[11])
    # The kept data does not identify the patient.
    assert not any("NORMAL 0" in patient.name for patient in patients)


def test_a_folder_of_dicom_films_is_prepared(folder: Path, tmp_path: Path) -> None:
    summary = prepare(folder, tmp_path / "out", "patients", None)
    assert (summary["films"], summary["unreadable"]) == (24, [])
    written = sorted((tmp_path / "out").glob("train/*/*"))
    assert {path.suffix for path in written} == {".png"}
    with Image.open(written[0]) as image:
        assert image.mode == "RGB"


def test_the_algorithm_gets_the_pixels_of_the_rendition(folder: Path, tmp_path: Path) -> None:
    data = next(folder.glob("NORMAL/*")).read_bytes()
    film = tmp_path / "film.png"
    film.write_bytes(as_rgb(data))
    with Image.open(film) as image:
        np.testing.assert_array_equal(np.asarray(image)[..., 1], read_grey(data))


def test_predict_takes_a_folder_of_dicom_films(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "--json", str(folder)]) == 0
    answers = json.loads(capsys.readouterr().out)
    assert len(answers) == 24
    alarms = [each for each in answers if each["pneumonia"] >= 0.1]
    assert sum("PNEUMONIA" in each["image"] for each in alarms) >= 11


def test_predict_says_why_an_adults_film_has_no_probability(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = tmp_path / "film.dcm"
    grey = np.add.outer(np.arange(64), np.arange(80)).astype(np.uint8)
    film.write_bytes(dicom(grey, tags={"PatientAge": "040Y"}))
    assert main(["predict", "--json", str(film)]) != 0
    (answer,) = json.loads(capsys.readouterr().out)
    assert answer["error"] == ADULT_REASON
