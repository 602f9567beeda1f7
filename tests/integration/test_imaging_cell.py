"""Films rendered in child processes: what a hostile one costs."""

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image
from pydicom.uid import JPEGLosslessSV1

from imaging.cell import Cell, CellBroke, Limits, RefusedInCell
from imaging.rendition import render
from testbed.dicom_films import dicom, film

LARGE = film(2000, 2400)


@pytest.fixture
def wardens() -> Callable[[], list[psutil.Process]]:
    """What a test adds to the children of the process, which has run other tests before."""
    before = set(psutil.Process().children())
    return lambda: [child for child in psutil.Process().children() if child not in before]


@pytest.fixture
def cell() -> Iterator[Cell]:
    cell = Cell()
    yield cell
    cell.close()


def refused(cell: Cell, data: bytes) -> RefusedInCell:
    with pytest.raises(RefusedInCell) as caught:
        cell.render(data)
    return caught.value


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "DICOM"])
def test_a_film_is_rendered_as_it_is_outside_the_cell(cell: Cell, kind: str) -> None:
    if kind == "DICOM":
        data = dicom(LARGE, JPEGLosslessSV1)
    else:
        file = io.BytesIO()
        Image.fromarray(LARGE).save(file, kind)
        data = file.getvalue()
    rendition = cell.render(data)
    assert rendition == render(data)
    assert min(Image.open(io.BytesIO(rendition.png)).size) == 1024
    assert (rendition.facts is not None) == (kind == "DICOM")


def test_a_small_film_is_not_enlarged(cell: Cell) -> None:
    rendition = cell.render(dicom(film()))
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(rendition.png))), film())


def test_a_refusal_has_its_code_and_sentence(cell: Cell) -> None:
    refusal = refused(cell, dicom(film(), tags={"Modality": "MR"}))
    assert (refusal.code, "CR and DX" in str(refusal)) == ("modality", True)
    assert refused(cell, b"nothing").code == "format"


@pytest.mark.parametrize(
    "limits", [Limits(memory_bytes=4 * 1024 * 1024), Limits(seconds=0.001)], ids=["memory", "time"]
)
def test_a_film_that_takes_too_much_is_refused_and_leaves_no_child(
    wardens: Callable[[], list[psutil.Process]], limits: Limits
) -> None:
    cell = Cell(limits)
    try:
        for _ in range(2):
            assert refused(cell, dicom(LARGE)).code == "too_large"
        (warden,) = wardens()
        assert warden.children() == []
    finally:
        cell.close()
    assert wardens() == []


def test_a_warden_that_died_is_replaced(
    wardens: Callable[[], list[psutil.Process]], cell: Cell
) -> None:
    cell.render(dicom(film()))
    (warden,) = wardens()
    warden.suspend()
    os.kill(warden.pid, 9)
    with pytest.raises(CellBroke):
        cell.render(dicom(film()))
    assert cell.render(dicom(film())).png


def test_the_warden_writes_nothing_where_logs_are(
    cell: Cell, capfd: pytest.CaptureFixture[str]
) -> None:
    refused(cell, dicom(film(), tags={"Rows": 60000, "Columns": 60000}))
    assert capfd.readouterr() == ("", "")


def test_a_cell_is_not_bound_to_the_current_folder(
    cell: Cell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cell.render(dicom(film())).png
