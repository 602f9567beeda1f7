"""From the bytes of a DICOM file to its film and facts."""

import hashlib
from dataclasses import dataclass
from datetime import date

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset

from imaging.dicom.header import every, read_header, text
from imaging.dicom.refused import Refused, blaming_the_file
from imaging.dicom.samples import decode, read_layout
from imaging.dicom.suitable import check_suitable
from imaging.dicom.tones import to_grey
from imaging.grey import Grey
from imaging.limits import MAX_ASPECT, check_size
from screening.facts import Facts
from screening.refusals import Code

SQUARE_ENOUGH = 0.01  # pixels that are less off a square are left alone


@dataclass(frozen=True)
class DicomFilm:
    grey: Grey
    facts: Facts


def read_film(data: bytes) -> DicomFilm:
    """Read a DICOM X-ray as grey levels 0..255 and the facts beside them.

    Raises NotReadable; Refused, its special case, has a code.
    """
    with blaming_the_file():
        dataset, syntax = read_header(data)
        check_suitable(dataset)
        layout = read_layout(dataset)
        toned = to_grey(decode(dataset, syntax, layout), dataset, layout)
        grey, steps = toned.grey, toned.steps
        if (ratio := _height_of_a_pixel(dataset)) is not None:
            grey = _with_square_pixels(grey, ratio)
            steps = (*steps, "resampled")
        return DicomFilm(grey, _facts(dataset, ", ".join(steps)))


def read(data: bytes, smallest: int | None) -> Grey:
    return read_film(data).grey


def patient_of(data: bytes) -> str | None:
    """Return a short hash of the patient's number: who is the same, without who it is."""
    with blaming_the_file():
        dataset, _ = read_header(data)
        number = text(dataset, "PatientID")
    return hashlib.sha256(number.encode()).hexdigest()[:12] if number else None


def _height_of_a_pixel(dataset: Dataset) -> float | None:
    """How many times as high as wide a pixel is, where that is not once."""
    for keyword in ("PixelAspectRatio", "PixelSpacing", "ImagerPixelSpacing"):
        values = [float(value) for value in every(dataset, keyword)]
        if len(values) == 2 and min(values) > 0:
            ratio = values[0] / values[1]
            return None if abs(ratio - 1) < SQUARE_ENOUGH else ratio
    return None


def _with_square_pixels(grey: Grey, ratio: float) -> Grey:
    if not 1 / MAX_ASPECT < ratio < MAX_ASPECT:
        raise Refused(Code.BROKEN)
    height, width = grey.shape
    # The longer way, so that no detail is lost.
    size = (width, round(height * ratio)) if ratio > 1 else (round(width / ratio), height)
    check_size(*size)
    return _resized(grey, size)


def _resized(grey: Grey, size: tuple[int, int]) -> Grey:
    return np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR))


def _facts(dataset: Dataset, rendering: str) -> Facts:
    return Facts(
        modality=text(dataset, "Modality") or "",
        rendering=rendering,
        study_uid=text(dataset, "StudyInstanceUID"),
        series_uid=text(dataset, "SeriesInstanceUID"),
        instance_uid=text(dataset, "SOPInstanceUID"),
        accession_number=text(dataset, "AccessionNumber"),
        view=text(dataset, "ViewPosition"),
        body_part=text(dataset, "BodyPartExamined"),
        age=text(dataset, "PatientAge") or _age_from_dates(dataset),
    )


def _age_from_dates(dataset: Dataset) -> str | None:
    """The age on the day of the study, as DICOM writes it, where the file has both dates."""
    try:
        born, taken = (
            date.fromisoformat(text(dataset, keyword) or "")
            for keyword in ("PatientBirthDate", "StudyDate")
        )
    except ValueError:
        return None
    months = (taken.year - born.year) * 12 + taken.month - born.month - (taken.day < born.day)
    if not 0 <= months < 12 * 130:
        return None
    return f"{months:03d}M" if months < 36 else f"{months // 12:03d}Y"
