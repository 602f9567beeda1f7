import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from imaging.readers import read_grey
from training.dataset.channels import as_rgb, write_channels
from training.dataset.folder import Film, Patient
from training.dataset.identity import published

GRADIENT = np.arange(64 * 48, dtype=np.uint32).reshape(48, 64)


def saved(image: Image.Image, kind: str = "PNG", **more: object) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **more)
    return data.getvalue()


def grey(shade: int = 255) -> Image.Image:
    return Image.fromarray((GRADIENT * shade // GRADIENT.max()).astype(np.uint8))


def film(path: Path, label: int = 0) -> Film:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(saved(grey()))
    return Film(path, label, published(path.name) or Patient(label, "", 0, path.stem))


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_an_rgb_film_is_kept_as_it_is(kind: str) -> None:
    data = saved(grey().convert("RGB"), kind)
    assert as_rgb(data) == data


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(grey().convert("RGB"), "JPEG", exif=exif)


@pytest.mark.parametrize(
    "data",
    [
        saved(grey()),
        saved(grey(), "JPEG"),
        saved(grey().convert("RGBA")),
        saved(grey().convert("P")),
        saved(Image.fromarray((GRADIENT * 4095 // GRADIENT.max()).astype(np.uint16))),
        turned(),
    ],
    ids=["grey PNG", "grey JPEG", "RGBA", "palette", "12 bits in 16", "turned"],
)
def test_any_other_film_becomes_rgb_as_the_endpoint_would_see_it(data: bytes) -> None:
    image = Image.open(io.BytesIO(as_rgb(data)))
    assert image.mode == "RGB"
    assert image.format == Image.open(io.BytesIO(data)).format
    channels = np.asarray(image).astype(int)
    assert np.abs(channels - read_grey(data)[:, :, None]).max() <= 2


def test_the_list_names_each_film_once_with_its_label(tmp_path: Path) -> None:
    training = [film(tmp_path / f"in/person{n}_virus_{n}.png", n // 10) for n in range(20)]
    validation = [film(tmp_path / f"in/IM-0{n}-0001.png", n) for n in range(2)]
    out = tmp_path / "out"
    write_channels(out, training, validation, seed=1)
    for part, members in (("train", training), ("validation", validation)):
        rows = [line.split("\t") for line in lines(out / f"{part}_lst/{part}.lst")]
        assert [int(index) for index, _, _ in rows] == list(range(len(members)))
        assert sorted((name, int(label)) for _, label, name in rows) == sorted(
            (f"{('NORMAL', 'PNEUMONIA')[one.label]}/{one.path.name}", one.label) for one in members
        )
        assert all((out / part / name).is_file() for _, _, name in rows)
    labels = [line.split("\t")[1] for line in lines(out / "train_lst/train.lst")]
    assert labels not in (sorted(labels), sorted(labels, reverse=True))


def test_films_of_one_name_are_both_kept(tmp_path: Path) -> None:
    names = (
        "a/person1_virus_2.png",
        "b/person1_virus_2.png",
        "c/person1_virus_3.png",
        "person1-1.png",
    )
    training = [film(tmp_path / name) for name in names]
    write_channels(tmp_path / "out", training, [film(tmp_path / "v.png", 1)], seed=1)
    written = list((tmp_path / "out/train/NORMAL").iterdir())
    assert len(written) == 4
    assert {published(path.name) for path in written} == {Patient(1, "person", 1)}


@pytest.mark.parametrize(
    "name",
    ["Meier\tAnna.png", "Meier\nAnna.png", "M\udcfcller.png", "person7_Meier.png", "é, ;.PNG"],
)
def test_a_set_contains_no_names_and_groups_films_by_patient(tmp_path: Path, name: str) -> None:
    training = [film(tmp_path / "one" / name), film(tmp_path / "other" / name)]
    where = write_channels(tmp_path / "out", training, [film(tmp_path / "v.png", 1)], 1)
    text = (tmp_path / "out/train_lst/train.lst").read_text(encoding="ascii")
    assert len(text.splitlines()) == 2
    assert not {"Meier", "ller", "é"} & {part for part in ("Meier", "ller", "é") if part in text}
    first, second = (published(where[each.path].name) for each in training)
    assert first == second is not None
    assert {(tmp_path / "out" / path).stat().st_mode & 0o777 for path in where.values()} == {0o600}


def test_an_rgb_film_loses_its_texts(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("Patient", "Meier^Anna")
    exif = Image.Exif()
    exif[0x010E] = "Meier^Anna"
    for data in (
        saved(grey().convert("RGB"), pnginfo=info, exif=exif),
        saved(grey().convert("RGB"), "JPEG", comment=b"Meier^Anna", exif=exif),
    ):
        assert b"Meier" in data
        assert b"Meier" not in as_rgb(data)
        np.testing.assert_array_equal(read_grey(as_rgb(data)), read_grey(data))
