"""The picture of a result: legible at 512 pixels, the film small beside the words."""

import io
import textwrap

from PIL import Image, ImageDraw, ImageFont

from results.precision import LocalPrecision
from results.wording import PRODUCT, comments, minute, percent
from screening.judgement import Finding
from screening.record import Record

SIDE = 1024  # pixels; every size below is twice what it is at 512
_MARGIN = 48
_BANNER = 96
_FILM = 400
_HEADLINE, _FIGURES, _SMALL = 84, 44, 34
_SMALL_COLUMNS = 54  # characters that fit the width
_DARK, _GREY, _LIGHT = 0, 170, 255
_HEADLINES = {
    Finding.PNEUMONIA: "PNEUMONIA\nsuspected",
    Finding.NORMAL: "NO PNEUMONIA\nfound",
    Finding.REJECTED: "NOT\nSCREENED",
}


def draw(record: Record, precision: LocalPrecision | None, film: bytes | None) -> Image.Image:
    """Return the picture, 8-bit grey; `film` is an image file that Pillow reads."""
    judgement = record.judgement
    picture = Image.new("L", (SIDE, SIDE), _DARK)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 0, SIDE, _BANNER), fill=_LIGHT)
    pen.text((_MARGIN, 22), "NOT FOR DIAGNOSIS", fill=_DARK, font=_font(48))
    pen.text((SIDE - _MARGIN, 28), PRODUCT, fill=_DARK, font=_font(40), anchor="ra")
    if film is not None:
        _paste(picture, film)
    top = _BANNER + _MARGIN
    pen.multiline_text((_MARGIN, top), _HEADLINES[judgement.finding], fill=_LIGHT, font=_font(66))
    figures = [f"Cutoff {percent(judgement.cutoff)} %"]
    if judgement.probability is not None:
        figures.insert(0, f"Probability {percent(judgement.probability)} %")
    pen.multiline_text(
        (_MARGIN, top + 220), "\n".join(figures), fill=_LIGHT, font=_font(_FIGURES), spacing=16
    )
    network = judgement.model or "none"
    lines = [f"Network {network}", minute(judgement.classified), *comments(record, precision)]
    wrapped = [part for line in lines for part in textwrap.wrap(line, _SMALL_COLUMNS)]
    pen.multiline_text(
        (_MARGIN, top + _FILM + 40), "\n".join(wrapped), fill=_LIGHT, font=_font(_SMALL), spacing=12
    )
    return picture


def _paste(picture: Image.Image, film: bytes) -> None:
    with Image.open(io.BytesIO(film)) as opened:
        small = opened.convert("L")
    small.thumbnail((_FILM, _FILM))
    picture.paste(small, (SIDE - _MARGIN - small.width, _BANNER + _MARGIN))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font: the same on every machine."""
    return ImageFont.load_default(size)
