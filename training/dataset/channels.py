"""Input of SageMaker's built-in image-classification algorithm: image folders and .lst files."""

import io
import random
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image
from rich.progress import track

from imaging.bare import stripped
from imaging.grey import Grey
from imaging.readers import read_grey
from screening.formats import Format, format_of
from training.dataset.files import file_format
from training.dataset.folder import CLASSES, Film, Patient
from training.dataset.identity import Known, is_nameless
from training.dataset.private import write_private

IMAGES = ("train", "validation")
LISTS = ("train_lst", "validation_lst")
CHANNELS = (*IMAGES, *LISTS)

_ORIENTATION = 0x0112  # the EXIF tag
_QUALITY = 95
_DICOM_BECOMES = "PNG"
_READ_BY_THE_ALGORITHM = (".jpeg", ".jpg", ".png")


def write_channels(
    out: Path, training: Sequence[Film], validation: Sequence[Film], seed: int
) -> dict[Path, Path]:
    """Write the algorithm's four channels into `out`, one folder each.

    `train` and `validation` have the films in a folder per class, with their pixels and no
    metadata: no tags, texts or comments, and a new name unless it is a published one.
    `train_lst/train.lst` and `validation_lst/validation.lst` list them, one per line: index, label
    and path below the channel's folder, separated by tabs. Their order is random, since batches are
    taken in the order of the list.

    Returns the place of each film below `out`, by its path.
    """
    parts = {"train": training, "validation": validation}
    films = [(film, path) for part in IMAGES for film, path in _placed(parts[part], out / part)]
    for folder in {path.parent for _, path in films}:
        folder.mkdir(parents=True, exist_ok=True)

    def write(film: Film, path: Path) -> None:
        write_private(path, as_rgb(film.path.read_bytes()))

    with ThreadPoolExecutor() as pool:
        written = pool.map(write, *zip(*films, strict=True))
        for _ in track(written, "Writing the films", len(films)):
            pass
    for part, listed in zip(IMAGES, LISTS, strict=True):
        lines = [
            f"{film.label}\t{path.relative_to(out / part).as_posix()}\n"
            for film, path in films
            if path.is_relative_to(out / part)
        ]
        random.Random(seed).shuffle(lines)  # noqa: S311 - an order to repeat, not to keep secret
        (out / listed).mkdir(exist_ok=True)
        numbered = "".join(f"{index}\t{line}" for index, line in enumerate(lines))
        (out / listed / f"{part}.lst").write_text(numbered, encoding="utf-8")
    return {film.path: path.relative_to(out) for film, path in films}


def as_rgb(data: bytes) -> bytes:
    """Return a film's file as the algorithm needs it: RGB, 8 bits a channel, upright.

    A file with this form keeps its pixels and loses its metadata. Any other file is decoded like in
    the endpoint and saved in its own format, or as PNG if it is DICOM: the algorithm reads only
    JPEG and PNG.
    """
    if format_of(data) is Format.DICOM:
        return _saved(read_grey(data), _DICOM_BECOMES)
    with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
        upright = image.getexif().get(_ORIENTATION, 1) == 1
        kind = image.format
        as_is = image.mode == "RGB" and upright and not image.has_transparency_data
    if as_is and (kept := stripped(data)):
        return kept
    return _saved(read_grey(data), kind)


def _saved(grey: Grey, kind: str | None) -> bytes:
    saved = io.BytesIO()
    Image.fromarray(grey).convert("RGB").save(saved, kind, quality=_QUALITY)
    return saved.getvalue()


def _placed(films: Sequence[Film], folder: Path) -> list[tuple[Film, Path]]:
    """Yield each film with its path in `folder`.

    A published name stays, since it identifies the patient by a number only. Any other name becomes
    the digest of its patient with a number, from which `find_films` groups films of one patient.
    """
    numbers: dict[Patient, int] = defaultdict(int)
    taken: set[Path] = set()
    placed = []
    for film in films:
        suffix = film.path.suffix.lower()
        if suffix not in _READ_BY_THE_ALGORITHM:
            suffix = ".jpeg" if file_format(film.path) is Format.JPEG else ".png"
        stem = film.path.stem
        path = folder / CLASSES[film.label] / f"{stem}{suffix}"
        while path in taken or film.known is not Known.FILE_NAME or not is_nameless(stem):
            numbers[film.patient] += 1
            stem = f"{film.patient.file_name}-{numbers[film.patient]}"
            path = path.with_name(f"{stem}{suffix}")
            if path not in taken:
                break
        taken.add(path)
        placed.append((film, path))
    return placed
