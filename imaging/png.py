"""The reader of PNG files."""

import io

from PIL.PngImagePlugin import PngImageFile

from imaging import pillow
from imaging.grey import Grey
from imaging.limits import check_size

_NAME = "PNG"


def read(data: bytes, smallest: int | None) -> Grey:
    """Read a PNG, always at its full size."""
    with pillow.blaming_the_file(_NAME):
        image = PngImageFile(io.BytesIO(data))
    check_size(image.width, image.height)
    return pillow.decode(image, (image.width, image.height), _NAME)
