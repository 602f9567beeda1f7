"""The picture of a result: legible at 512 pixels, with the film small beside the text."""

import io
from collections.abc import Iterable

from PIL import Image, ImageDraw, ImageFont

from results.wording import PRODUCT, comments, minute, shown
from screening.judgement import Finding
from screening.precision import LocalPrecision
from screening.record import Record

SIDE = 1024  # pixels; every size below is twice that at 512
_MARGIN = 48
_BANNER = 96
_FILM = 400
_HEADLINE, _FIGURES = 66, 44
_SMALL = range(36, 23, -2)  # sizes to try; the largest one that fits is used
_NETWORK_CHARACTERS = 24  # of its digest; the structured report has the full digest
_DARK, _LIGHT = 0, 255
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_HEADLINES = {
    Finding.PNEUMONIA: "PNEUMONIA\nsuspected",
    Finding.NORMAL: "NEGATIVE\nfor pneumonia",
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
    headline = _HEADLINES[judgement.finding]
    pen.multiline_text((_MARGIN, top), headline, fill=_LIGHT, font=_font(_HEADLINE))
    if figures := shown(judgement):
        text = "Probability {}\nCutoff {}".format(*figures)
        pen.multiline_text(
            (_MARGIN, top + 220), text, fill=_LIGHT, font=_font(_FIGURES), spacing=16
        )
    lines = [
        f"Network {(judgement.model or 'none')[:_NETWORK_CHARACTERS]}",
        minute(judgement.classified),
        *comments(record, precision),
    ]
    _write_below(pen, top + _FILM + _MARGIN, lines)
    return picture


def _write_below(pen: ImageDraw.ImageDraw, top: int, lines: Iterable[str]) -> None:
    """Write the sentences below, in the largest letters that fit."""
    for size in _SMALL:
        font = _font(size)
        text = "\n".join(_wrapped(line, font) for line in lines)
        if pen.multiline_textbbox((0, top), text, font=font)[3] <= SIDE - _MARGIN / 2:
            break
    pen.multiline_text((_MARGIN, top), text, fill=_LIGHT, font=font)


def _wrapped(line: str, font: _Font) -> str:
    rows = [""]
    for word in line.split():
        longer = f"{rows[-1]} {word}".strip()
        if font.getlength(longer) <= SIDE - 2 * _MARGIN:
            rows[-1] = longer
        else:
            rows.append(word)
    return "\n".join(rows)


def _paste(picture: Image.Image, film: bytes) -> None:
    """Paste the film beside the text; a film that can't be read is left out."""
    try:
        with Image.open(io.BytesIO(film)) as opened:
            small = opened.convert("L")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return
    small.thumbnail((_FILM, _FILM))
    picture.paste(small, (SIDE - _MARGIN - small.width, _BANNER + _MARGIN))


def _font(size: int) -> _Font:
    """Return Pillow's own font, which is the same on every machine."""
    return ImageFont.load_default(size)
