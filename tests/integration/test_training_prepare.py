"""`cxr-alert prepare`, as a user types it, on small films."""

import csv
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.integration.sagemaker_cloud import ROOT, Account, account
from tests.typed import Ended
from training.dataset.folder import BadDataset, find_films
from training.dataset.prepare import prepare as prepare_here

MXNET = ROOT / ".venv-mxnet" / "bin" / "python"
SIDE = 96
IMAGE_ITER = """
import json, sys
import mxnet
folder, part = sys.argv[1:]
films = mxnet.image.ImageIter(
    batch_size=1, data_shape=(3, 64, 64), path_root=f"{folder}/{part}",
    path_imglist=f"{folder}/{part}_lst/{part}.lst", shuffle=False,
)
seen = [(float(one.label[0].asscalar()), one.data[0].asnumpy()[0]) for one in films]
print(json.dumps([[label, pixels.mean(axis=(1, 2)).tolist()] for label, pixels in seen]))
"""

Run = Callable[..., Ended]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Twelve films of each class in `train`, two in `test`, of patients of their own."""
    folder = tmp_path / "films"
    for name, series in (("NORMAL", "IM-0{}-0001"), ("PNEUMONIA", "person{}_virus_7")):
        for number, sample in enumerate(sorted((ROOT / "samples" / name).iterdir())):
            film = Image.open(sample).convert("L").resize((SIDE, SIDE))
            _save(film, folder / "train" / name / f"{series.format(100 + number)}.jpeg")
            if number < 2:
                mirrored = film.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
                _save(mirrored, folder / "test" / name / f"{series.format(900 + number)}.jpeg")
    return folder


@pytest.fixture
def aws() -> Iterator[Account]:
    with account() as found:
        yield found


@pytest.fixture
def prepare(aws: Account) -> Run:
    def run(*arguments: str | Path, **changes: str) -> Ended:
        return aws.typed("prepare", "--data", *arguments, COLUMNS="200", **changes)

    return run


def _save(film: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    film.save(path, quality=95)


def summary(out: Path) -> Any:
    return json.loads((out / "summary.json").read_text())


def complaint(result: Ended) -> str:
    assert result.returncode == 2, result.stdout + result.stderr
    (sentence,) = result.stderr.splitlines()
    return sentence


def test_a_folder_becomes_the_input_of_a_job(prepare: Run, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = prepare(data, "--out", out)
    assert result.returncode == 0, result.stderr

    counts = summary(out)["parts"]
    assert [counts[part]["films"] for part in ("train", "validation", "test")] == [22, 2, 4]
    assert (counts["train"]["NORMAL"], counts["train"]["PNEUMONIA"]) == (11, 11)
    with (out / "films.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["Pic"]: row["pneumonia"] for row in rows} == {
        path.relative_to(data).as_posix(): str(int(path.parent.name == "PNEUMONIA"))
        for path in data.rglob("*.jpeg")
    }
    assert {row["part"] for row in rows if row["Pic"].startswith("test/")} == {"test"}

    in_channels = {p.name for part in ("train", "validation") for p in (out / part).rglob("*.jpeg")}
    assert in_channels == {path.name for path in (data / "train").rglob("*.jpeg")}
    for picture in ("distribution.png", "examples.png"):
        with Image.open(out / picture) as drawn:
            drawn.load()
            assert drawn.width > 400


@pytest.mark.slow
def test_the_lists_are_read_by_mxnet(prepare: Run, data: Path, tmp_path: Path) -> None:
    if not MXNET.exists():
        pytest.skip("MXNet isn't installed: `make build/.mxnet` does it where it can be had.")
    out = tmp_path / "out"
    assert prepare(data, "--out", out).returncode == 0
    for part in ("train", "validation"):
        command: list[str | Path] = [MXNET, "-c", IMAGE_ITER, out, part]
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert result.returncode == 0, result.stderr
        seen = json.loads(result.stdout)
        lines = (out / f"{part}_lst" / f"{part}.lst").read_text().splitlines()
        assert [label for label, _ in seen] == [float(line.split("\t")[1]) for line in lines]
        assert all(red == green == blue > 0 for _, (red, green, blue) in seen)


def test_an_interrupted_run_is_not_a_data_set_and_can_be_resumed(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr("training.dataset.prepare.draw_distribution", interrupt)
        with pytest.raises(KeyboardInterrupt):
            prepare_here(data, out, "patients", None)
    with pytest.raises(BadDataset, match="is an unfinished output of `prepare`"):
        find_films(out)
    prepare_here(data, out, "patients", None)
    assert len(find_films(out)) == 24


def test_a_second_run_leaves_nothing_of_the_first(prepare: Run, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert prepare(data, "--out", out).returncode == 0
    (data / "train/NORMAL/IM-0105-0001.jpeg").unlink()
    assert prepare(data, "--out", out).returncode == 0
    assert not list(out.rglob("IM-0105-0001.jpeg"))


def test_all_problems_of_the_films_are_reported_together(
    prepare: Run, data: Path, tmp_path: Path
) -> None:
    normal, pneumonia = data / "train/NORMAL", data / "train/PNEUMONIA"
    (normal / "broken1.jpeg").write_bytes(b"\xff\xd8\xff no film")
    (normal / "broken2.jpeg").write_bytes(b"")
    (pneumonia / "person120_virus_7.jpeg").write_bytes(
        (data / "test/PNEUMONIA/person900_virus_7.jpeg").read_bytes()
    )
    kept = Image.open(pneumonia / "person111_virus_7.jpeg").resize((128, 128))
    _save(kept, pneumonia / "person100_virus_8.jpeg")
    _save(kept.rotate(180), data / "test/PNEUMONIA/person105_virus_9.jpeg")

    out = tmp_path / "out"
    result = prepare(data, "--out", out)
    assert result.returncode == 0, result.stderr
    found = summary(out)
    assert [one["Pic"] for one in found["unreadable"]] == [
        "train/NORMAL/broken1.jpeg",
        "train/NORMAL/broken2.jpeg",
    ]
    assert "broken1.jpeg. The JPEG file is damaged" in result.stdout
    assert "broken2.jpeg. The file is empty" in result.stdout
    assert not list((out / "train").rglob("broken*"))
    exact, near = found["duplicates"]["exact"], found["duplicates"]["near"]
    assert (exact["pairs"], exact["across_splits"], exact["across_labels"]) == (1, 1, 0)
    assert (near["pairs"], near["across_splits"], near["across_parts"]) == (1, 0, 1)
    assert near["closest_across_parts"] == [
        "train/PNEUMONIA/person100_virus_8.jpeg",
        "train/PNEUMONIA/person111_virus_7.jpeg",
    ]
    with (out / "duplicates.csv").open() as file:
        assert {row["kind"] for row in csv.DictReader(file)} == {"exact", "near"}
    assert "1 patient(s) have films in train and in test, e.g. person105" in result.stdout


def test_patients_kept_out_are_not_trained_on(prepare: Run, data: Path, tmp_path: Path) -> None:
    kept_out = tmp_path / "kept out"
    for name in ("NORMAL/IM-0107-0001.jpeg", "PNEUMONIA/person107_virus_7.jpeg"):
        (kept_out / name).parent.mkdir(parents=True)
        (kept_out / name).write_bytes((data / "train" / name).read_bytes())
    out = tmp_path / "out"
    assert prepare(data, "--out", out, "--keep-out", kept_out).returncode == 0
    assert not list((out / "train").rglob("*107*"))
    assert len(list((out / "validation").rglob("*107*"))) == 2


def test_a_mistake_is_one_sentence(prepare: Run, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "is not a folder" in complaint(prepare(tmp_path / "nowhere", "--out", out))
    (data / "train/NORMAL/broken.jpeg").write_bytes(b"no film")
    few = prepare(data, "--out", out, "--split", "report")
    assert "too few patients" in complaint(few)
    assert "broken.jpeg. The file is neither" in few.stdout
    assert not out.exists()


def test_unsuitable_input_and_output_folders_are_refused(data: Path, tmp_path: Path) -> None:
    def refuses(sentence: str, folder: Path, out: Path) -> None:
        with pytest.raises(BadDataset, match=sentence):
            prepare_here(folder, out, "patients", None)
        assert not out.is_relative_to(tmp_path) or not (out / "films.csv").exists()

    out = tmp_path / "out"
    refuses("is inside the other", data, data / "out")
    refuses("is inside the other", data / "train", data)
    refuses("already has other contents", data, ROOT / "docs")
    refuses("is a file", data, ROOT / "Makefile")
    refuses(r"training part has no film of NORMAL \(0 in all, 0 outside test", data / "test", out)
    for film in (data / "train/NORMAL").iterdir():
        film.unlink()
    refuses("training part has no film of NORMAL", data, out)
    for film in (data / "test/NORMAL").iterdir():
        film.unlink()
    refuses("is in a folder NORMAL", data, out)
