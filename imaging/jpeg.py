"""The reader of JPEG files."""

import io

from PIL.JpegImagePlugin import JpegImageFile

from imaging import pillow
from imaging.grey import Grey
from imaging.limits import check_size
from imaging.refusals import TooLarge

MAX_SCANS = 100  # encoders write about 10; each one is a pass over the whole image

_NAME = "JPEG"
_START_OF_SCAN = b"\xff\xda"


def read(data: bytes, smallest: int | None) -> Grey:
    """Read a JPEG, decoded at 1/2, 1/4 or 1/8 of its size if both sides keep `smallest` pixels."""
    with pillow.blaming_the_file(_NAME):
        image = JpegImageFile(io.BytesIO(data))
    check_size(image.width, image.height)
    if image.info.get("progressive") and data.count(_START_OF_SCAN) > MAX_SCANS:
        raise TooLarge(
            f"The JPEG is stored in more than {MAX_SCANS} passes. "
            "Export the X-ray as an ordinary JPEG."
        )
    full_size = (image.width, image.height)
    side = smallest or max(full_size)
    image.draft("L", (side, side))
    return pillow.decode(image, full_size, _NAME)
