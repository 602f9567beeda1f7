"""Turn the bytes of a DICOM file into a film and its facts."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from imaging.dicom import shutter
from imaging.dicom.ages import age_of
from imaging.dicom.header import Header, read_header
from imaging.dicom.picture import Deep, picture_of
from imaging.dicom.refused import Refused, blaming_the_file
from imaging.dicom.samples import decode, fitting, read_layout
from imaging.dicom.suitable import check_suitable
from imaging.dicom.tones import to_grey
from imaging.edges import without_padding
from imaging.grey import Grey
from imaging.limits import check_size
from imaging.refusals import NotReadable
from imaging.tones import histogram, shows_nothing
from screening.facts import REFUSED, Facts
from screening.refusals import Code

# Films refused with these codes have a picture, since a radiologist may still want to see them.
_SHOWN = frozenset({Code.BODY_PART, Code.FLAT, Code.LATERAL, Code.MODALITY, Code.PROCESSING})
_LONGEST_FACT = 64  # characters of a term; some files join several terms
SQUARE_ENOUGH = 0.01  # smaller deviations from square pixels are not corrected


@dataclass(frozen=True)
class DicomFilm:
    grey: Grey
    facts: Facts
    picture: bytes | None = None  # a PNG for readers, in the film's full depth


def read_film(data: bytes, *, pictured: bool = False) -> DicomFilm:
    """Read a DICOM X-ray as grey levels 0..255 and the facts beside them.

    Raises NotReadable; Refused, its special case, has a code. `pictured`, a film that is refused
    for what it shows has its picture, too.
    """
    with blaming_the_file():
        header = read_header(data)
    try:
        with blaming_the_file():
            check_suitable(header)
            return _film(header, pictured=pictured)
    except NotReadable as refusal:
        refusal.facts = _facts(header, REFUSED)
        if pictured and refusal.code in _SHOWN:
            refusal.picture = _picture_of_refused(header)
        raise


def _film(header: Header, *, pictured: bool) -> DicomFilm:
    grey, steps, deep = _toned(header)
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
    picture = picture_of(deep, header) if pictured else None
    return DicomFilm(grey, _facts(header, ", ".join(steps)), picture)


def _picture_of_refused(header: Header) -> bytes | None:
    if not header.pixels or header.frames != 1 or header.float_pixels:
        return None
    try:
        with blaming_the_file():
            return picture_of(_toned(header)[2], header)
    except NotReadable:
        return None


def read(data: bytes, smallest: int | None) -> Grey:
    return read_film(data).grey


def _toned(header: Header) -> tuple[Grey, tuple[str, ...], Deep]:
    """The film within its shutters: its grey levels, the steps taken, and its full depth."""
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
    deep = Deep(samples, toned.values, toned.black, toned.white)
    if box is None:
        return toned.grey, steps, deep
    return shutter.blackened(toned.grey, header.shutter, box), (*steps, "shutter"), deep


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
