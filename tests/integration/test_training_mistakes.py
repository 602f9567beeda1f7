"""Users' mistakes in the training commands: each ends in one sentence, none in a traceback."""

import csv
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from serving.shipped import NETWORK_FILE
from testbed.dicom_films import dicom
from tests.integration.serving_container import brightness_network
from tests.typed import Ended, typed
from training.learning.recipe import Recipe

ROOT = Path(__file__).parents[2]
SMALL = Recipe(epochs=2, batch_size=8, first_size=32, size=32, folds=3)
# A disk that is full after this many bytes: writes beyond are refused. Python 3.11 would keep the
# truncated bytecode of a module imported there.
FULL = """
import resource, sys
sys.dont_write_bytecode = True
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
from cxr_alert.program import main
sys.exit(main())
"""


def in_a_process_of_its_own(
    *program: str, arguments: Sequence[str | Path], **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *program, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
        timeout=240,
        env=os.environ | environment,
    )


def sentence(result: Ended | subprocess.CompletedProcess[str]) -> str:
    assert result.returncode in (1, 2), result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr.splitlines()[-1]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Twelve films of each class, of which two have names in Latin-1."""
    random = np.random.default_rng(0)
    for label in ("NORMAL", "PNEUMONIA"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(12):
            name = os.fsdecode(b"M\xfcller.jpeg") if number == 7 else f"film {number}.jpeg"
            grey = random.integers(0, 255, (48, 48), dtype=np.uint8)
            Image.fromarray(grey).save(tmp_path / "data" / label / name, quality=90)
    return tmp_path / "data"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return brightness_network(tmp_path_factory.mktemp("network") / "network.onnx")


def test_a_run_that_diverges_says_so_and_leaves_no_network(data: Path, tmp_path: Path) -> None:
    recipe, out = tmp_path / "hot.json", tmp_path / "out"
    dataclasses.replace(SMALL, learning_rate=1e7).save(recipe)
    hot = typed("train", "--data", data, "--out", out, "--recipe", recipe, "--from-scratch")
    assert sentence(hot).startswith("Training diverged in epoch 1")
    assert "Lower the recipe's learning_rate, now 1e+07" in sentence(hot)
    assert not (out / NETWORK_FILE).exists()
    assert not (out / "checkpoint.pt").exists()
    # The list of held-out films has one line for each, whatever its name.
    assert len((out / "validation.txt").read_bytes().splitlines()) == 8


@pytest.mark.parametrize(
    ("missing", "complaint"),
    [
        ("patients.txt", "has no patients.txt"),
        ("checkpoint.pt", "is damaged"),
        (NETWORK_FILE, "can't be read as a network to start from"),
    ],
)
def test_an_incomplete_run_is_no_start(
    data: Path, tmp_path: Path, missing: str, complaint: str
) -> None:
    start, recipe = tmp_path / "start", tmp_path / "small.json"
    start.mkdir()
    SMALL.save(recipe)
    if missing != "patients.txt":
        (start / "patients.txt").touch()
    (start / ("checkpoint.pt" if missing == "checkpoint.pt" else NETWORK_FILE)).write_bytes(b"cut")
    arguments = ("--data", data, "--out", tmp_path / "out", "--recipe", recipe)
    assert complaint in sentence(typed("train", *arguments, "--start", start))
    assert not (tmp_path / "out" / NETWORK_FILE).exists()


@pytest.mark.parametrize("command", ["prepare", "evaluate"])
def test_a_disk_that_gets_full_is_one_sentence(
    data: Path, network: Path, tmp_path: Path, command: str
) -> None:
    model = ("--model", network) if command == "evaluate" else ()
    arguments = (command, "--data", data, *model, "--out", tmp_path / "out")
    result = in_a_process_of_its_own("-c", FULL, arguments=arguments)
    assert "File too large" in sentence(result)


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_names_that_are_not_utf_8_are_prepared_and_measured(
    data: Path, network: Path, tmp_path: Path, locale: str
) -> None:
    (data / "NORMAL" / os.fsdecode(b"kaputt \xe9.jpeg")).write_bytes(b"")
    out = tmp_path / "out"
    plain = {"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "COLUMNS": "500"}
    program = ("-m", "cxr_alert")
    prepare = ("prepare", "--data", data, "--out", out)
    result = in_a_process_of_its_own(*program, arguments=prepare, **plain)
    assert result.returncode == 0, result.stderr
    assert "kaputt \\udce9.jpeg" in result.stdout
    with (out / "films.csv").open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        assert {row["Pic"] for row in csv.DictReader(file)} == {
            str(path.relative_to(data)) for path in data.rglob("*.jpeg")
        }
    (data / "NORMAL" / os.fsdecode(b"kaputt \xe9.jpeg")).unlink()
    only = tmp_path / "list.txt"
    only.write_bytes(b"NORMAL/M\xfcller.jpeg\nPNEUMONIA/M\xfcller.jpeg\nNORMAL/film 1.jpeg\r\n")
    asked = ("--data", data, "--only", only, "--model", network)
    evaluate = ("evaluate", *asked, "--out", tmp_path / "m")
    measured = in_a_process_of_its_own(*program, arguments=evaluate, **plain)
    assert measured.returncode == 0, measured.stderr
    assert b"NORMAL/M\xfcller.jpeg" in (tmp_path / "m" / "predictions.csv").read_bytes()


def test_predict_gives_the_applications_codes(tmp_path: Path) -> None:
    grey = np.add.outer(np.arange(64), np.arange(80)).astype(np.uint8)
    tagged = {
        "lateral": {"ViewPosition": "LL"},
        "adult": {"PatientAge": "045Y"},
        "modality": {"Modality": "CT"},
        "body_part": {"BodyPartExamined": "KNEE"},
    }
    folder = tmp_path / "films"
    folder.mkdir()
    for code, tags in tagged.items():
        (folder / f"{code}.dcm").write_bytes(dicom(grey, tags=tags))
    (folder / "empty.jpeg").touch()
    (folder / "format.jpeg").write_bytes(b"%PDF-1.7 no film")
    (folder / "broken.dcm").write_bytes(dicom(grey)[:-200])
    (folder / "notes.txt").touch()
    result = typed("predict", folder, "--json")
    assert result.returncode == 2
    found = {Path(each["image"]).stem: each["code"] for each in json.loads(result.stdout)}
    assert found == {code: code for code in (*tagged, "empty", "format", "broken")}
    assert "1 files in" in result.stderr
    assert "notes.txt." in result.stderr


def test_films_in_one_patients_folder_stay_on_one_side(tmp_path: Path) -> None:
    """Patients of DICOM films that were prepared as PNG are still recognised."""
    random = np.random.default_rng(0)
    whose = {}
    for number in range(60):
        label = ("NORMAL", "PNEUMONIA")[number % 2]
        path = tmp_path / "data" / label / f"visit {number}" / f"{number}.dcm"
        path.parent.mkdir(parents=True)
        grey = random.integers(0, 255, (48, 48), dtype=np.uint8)
        path.write_bytes(dicom(grey, tags={"PatientID": f"P{number * 7 % 20:03}"}))
        whose[path.relative_to(tmp_path / "data").as_posix()] = number * 7 % 20
    out = tmp_path / "out"
    assert typed("prepare", "--data", tmp_path / "data", "--out", out).returncode == 0
    with (out / "films.csv").open(newline="") as file:
        rows = {row["file"]: whose[row["Pic"]] for row in csv.DictReader(file)}
    again = tmp_path / "again"
    assert typed("prepare", "--data", out, "--out", again).returncode == 0
    sides: dict[int, set[str]] = {}
    with (again / "films.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            sides.setdefault(rows[row["Pic"]], set()).add(row["part"])
    assert len(sides) == 20
    assert all(len(side) == 1 for side in sides.values())
