"""Turn any film into its rendition: an 8-bit grey PNG that every endpoint accepts."""

import io

import numpy as np
from PIL import Image

from imaging.dicom import read_film
from imaging.grey import Grey
from imaging.readers import read_grey
from imaging.refusals import NotReadable
from imaging.rendered import Rendition
from screening.facts import ADULT_REASON
from screening.formats import Format, format_of
from screening.refusals import Code

SHORT_SIDE = 1024  # over four times the network's input, and a tenth of a serverless body
_COMPRESSION = 1  # a tenth larger than the default, and three times as fast


def render(data: bytes) -> Rendition:
    """Return the rendition of a film in any readable format; raise NotReadable."""
    if format_of(data) is Format.DICOM:
        film = read_film(data, pictured=True)
        return Rendition(_png(film.grey), film.facts, film.picture)
    return Rendition(_png(read_grey(data, SHORT_SIDE)), None)


def for_an_endpoint(data: bytes) -> bytes:
    """Return the bytes for the endpoint: the file itself, or a DICOM film's rendition.

    Raises NotReadable for films that the application rejects.
    """
    if format_of(data) is not Format.DICOM:
        return data
    rendition = render(data)
    if rendition.facts is not None and rendition.facts.adult:
        adult = NotReadable(ADULT_REASON)
        adult.code = Code.ADULT
        raise adult
    return rendition.png


def _png(grey: Grey) -> bytes:
    image = Image.fromarray(np.ascontiguousarray(grey))
    scale = SHORT_SIDE / min(image.size)
    if scale < 1:
        size = (round(image.width * scale), round(image.height * scale))
        image = image.resize(size, Image.Resampling.BILINEAR)
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=_COMPRESSION)
    return file.getvalue()
