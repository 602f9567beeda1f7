"""The picture of a result: its text, that all of it fits, and its references."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from results.instances import instances
from screening.judgement import Finding, Judgement
from screening.record import Record
from testbed.dicom_films import SECRETS
from tests.results import EARLIER, PRECISION, RECORDS, header, record

BANNER = 96  # pixels of 1024
FILM = (slice(144, 544), slice(576, 976))


def film(grey: int = 128, size: tuple[int, int] = (600, 600)) -> bytes:
    file = io.BytesIO()
    Image.new("L", size, grey).save(file, "PNG")
    return file.getvalue()


def capture(of: Record, picture: bytes | None = None) -> Dataset:
    """Return the Secondary Capture as a receiver reads it."""
    file = io.BytesIO()
    _, built = instances(of, header(), picture=picture, precision=PRECISION)
    built.save_as(file, enforce_file_format=True)
    file.seek(0)
    return dcmread(file)


def pixels(of: Record, picture: bytes | None = None) -> NDArray[np.uint8]:
    return np.asarray(capture(of, picture).pixel_array, np.uint8)


def test_it_is_a_secondary_capture_of_the_film() -> None:
    image = capture(RECORDS["pneumonia"])
    assert (image.SOPClassUID, image.Modality) == (SecondaryCaptureImageStorage, "OT")
    assert list(image.ImageType[:2]) == ["DERIVED", "SECONDARY"]
    assert (image.ConversionType, image.BurnedInAnnotation) == ("WSD", "YES")
    assert image.StudyInstanceUID == SECRETS["StudyInstanceUID"]
    assert image.SourceImageSequence[0].ReferencedSOPInstanceUID == SECRETS["SOPInstanceUID"]


def test_a_rescreening_names_the_capture_that_it_replaces() -> None:
    older = capture(record(judgement=EARLIER))
    newer = capture(record(earlier=(EARLIER,)))
    [replaced] = newer.ReferencedInstanceSequence
    assert replaced.ReferencedSOPInstanceUID == older.SOPInstanceUID != newer.SOPInstanceUID
    assert newer.SeriesInstanceUID == older.SeriesInstanceUID
    assert "ReferencedInstanceSequence" not in older


@pytest.mark.parametrize("name", RECORDS)
def test_a_bright_banner_stands_above_every_result(name: str) -> None:
    banner = pixels(RECORDS[name])[:BANNER]
    assert np.mean(banner == 255) > 0.7
    assert np.any(banner == 0)  # its letters


def test_every_finding_has_a_headline_of_its_own() -> None:
    headlines = {pixels(of)[144:360, :560].tobytes() for of in map(record, Finding)}
    assert len(headlines) == len(Finding)


def test_the_film_is_shown_small_beside_the_words() -> None:
    shown, without = pixels(record(), film()), pixels(record())
    assert np.all(shown[FILM] == 128)
    assert not np.any(without[FILM])
    shown[FILM] = 0
    np.testing.assert_array_equal(shown, without)


@pytest.mark.parametrize("picture", [b"", b"no picture", film()[:200]])
def test_a_film_that_cannot_be_shown_does_not_block_its_result(picture: bytes) -> None:
    np.testing.assert_array_equal(pixels(record(), picture), pixels(record()))


def test_a_wide_film_keeps_its_shape() -> None:
    grey = pixels(record(), film(size=(1200, 300))) == 128
    rows, columns = np.flatnonzero(grey.sum(1) > 300), np.flatnonzero(grey.sum(0) > 50)
    assert (len(rows), len(columns)) == (100, 400)


def test_the_longest_reason_fits() -> None:
    reason = ("Look at this film yourself, since the network does not know it, and " * 5)[:300]
    judgement = Judgement(
        Finding.REJECTED, EARLIER.cutoff, EARLIER.classified, reason=reason, code="odd"
    )
    drawn = pixels(record(judgement=judgement, earlier=(EARLIER,)))
    assert not np.any(drawn[-20:])  # nothing runs out below
    assert not np.any(drawn[BANNER + 1 :, -40:])  # or to the right
    assert np.any(drawn[560:])
