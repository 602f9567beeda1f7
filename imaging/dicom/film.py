"""Turn the bytes of a DICOM file into a film and its facts."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from imaging.dicom import shutter
from imaging.dicom.ages import age_of
from imaging.dicom.header import Header, read_header
from imaging.dicom.refused import Refused, blaming_the_file
from imaging.dicom.samples import decode, fitting, read_layout
from imaging.dicom.suitable import check_suitable
from imaging.dicom.tones import to_grey
from imaging.edges import without_padding
from imaging.grey import Grey
from imaging.limits import check_size
from imaging.tones import histogram, shows_nothing
from screening.facts import Facts
from screening.refusals import Code

_LONGEST_FACT = 64  # limit of a term; files join several
SQUARE_ENOUGH = 0.01  # pixels closer to a square are left as they are


@dataclass(frozen=True)
class DicomFilm:
    grey: Grey
    facts: Facts


def read_film(data: bytes) -> DicomFilm:
    """Read a DICOM X-ray as grey levels 0..255, with its facts.

    Raises NotReadable; its subclass Refused has a code.
    """
    with blaming_the_file():
        header = read_header(data)
        check_suitable(header)
        grey, steps = _toned(header)
        if shows_nothing(grey):
            raise Refused(Code.FLAT)
        whole = grey.shape
        grey = without_padding(grey)
        if grey.shape != whole:
            steps = (*steps, "padding cut off")
        ratio = header.pixel_ratio
        if ratio is not None and abs(ratio - 1) >= SQUARE_ENOUGH:
            grey = _with_square_pixels(grey, ratio)
            steps = (*steps, "resampled")
        return DicomFilm(grey, _facts(header, ", ".join(steps)))


def read(data: bytes, smallest: int | None) -> Grey:
    return read_film(data).grey


def _toned(header: Header) -> tuple[Grey, tuple[str, ...]]:
    """Return the film within its shutters, with suitable tones, and the steps taken."""
    layout = read_layout(header)
    samples = decode(header, layout)
    box = shutter.box_of(header.shutter, *samples.shape)
    if box is not None:
        samples = shutter.cropped(samples, box)
    seen = histogram(samples)
    fitted = fitting(layout, samples, seen.film)
    toned = to_grey(samples, header, fitted, seen)
    steps = toned.steps
    if (fitted.stored, fitted.signed) != (layout.stored, layout.signed):
        steps = (*steps, "bits by the samples")
    if box is None:
        return toned.grey, steps
    return shutter.blackened(toned.grey, header.shutter, box), (*steps, "shutter")


def _with_square_pixels(grey: Grey, ratio: float) -> Grey:
    """Stretch a film with pixels that are `ratio` times as high as wide."""
    height, width = grey.shape
    # Along the longer side, so that no detail is lost.
    size = (width, round(height * ratio)) if ratio > 1 else (round(width / ratio), height)
    check_size(*size)
    return np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR))


def _facts(header: Header, rendering: str) -> Facts:
    return Facts(
        modality=header.modality[:_LONGEST_FACT],
        rendering=rendering,
        study_uid=header.study_uid or None,
        series_uid=header.series_uid or None,
        instance_uid=header.instance_uid or None,
        accession_number=header.accession_number or None,
        view=header.view[:_LONGEST_FACT] or None,
        body_part=header.body_part[:_LONGEST_FACT] or None,
        age=age_of(header.age, header.birth_date, header.dates),
    )
