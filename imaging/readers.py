"""Read any supported file as grey levels: a reader for each format, chosen by the signature.

A new format is a module with its reader, and one line in READERS.
"""

from collections.abc import Callable, Collection, Mapping
from typing import TypeAlias

from imaging import jpeg, png
from imaging.edges import without_padding
from imaging.grey import Grey
from imaging.refusals import NotReadable, UnsupportedFormat
from screening.formats import Format, format_of

Reader: TypeAlias = Callable[[bytes, int | None], Grey]  # like `read_grey`, for files of one format


def _read_dicom(data: bytes, smallest: int | None) -> Grey:
    # Imported late: the model container reads no DICOM, and does not have these libraries.
    from imaging import dicom

    return dicom.read(data, smallest)


READERS: Mapping[Format, Reader] = {
    Format.JPEG: jpeg.read,
    Format.PNG: png.read,
    Format.DICOM: _read_dicom,
}
# The formats that any endpoint accepts: SageMaker's built-in algorithm reads no others.
ENDPOINT_FORMATS = (Format.JPEG, Format.PNG)


def read_grey(
    data: bytes, smallest: int | None = None, formats: Collection[Format] = tuple(READERS)
) -> Grey:
    """Read the film in an image file as grey levels 0..255, uint8 [height, width], upright.

    With `smallest`, a reader may decode at a fraction of the film's size, as long as both sides
    keep at least that many pixels. That is much faster, and enough for a network with that input.

    Padding of even colour at the edges is cut off.

    Raises NotReadable, with its subclasses UnsupportedFormat and TooLarge.
    """
    if not data:
        raise NotReadable("The file is empty. Upload the image again.")
    found = format_of(data)
    if found is None:
        raise UnsupportedFormat(
            f"The file is neither a {' nor a '.join(each.name for each in Format)} image. "
            "Export the X-ray as JPEG, PNG or DICOM."
        )
    if found not in formats:
        names = " or ".join(each.name for each in formats)
        raise UnsupportedFormat(f"A {found.name} file is not taken here: send {names}.")
    return without_padding(READERS[found](data, smallest))
