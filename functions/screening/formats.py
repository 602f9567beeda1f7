"""The formats of files, each known by the bytes that it begins with: screened ones and others."""

from enum import Enum

from screening.refusals import Code, Rejected


class Format(Enum):
    """A file format: its name, its media type, and its signature."""

    JPEG = ("image/jpeg", b"\xff\xd8\xff")
    PNG = ("image/png", b"\x89PNG\r\n\x1a\n")

    def __init__(self, content_type: str, signature: bytes) -> None:
        self.content_type = content_type
        self.signature = signature


def format_of(data: bytes) -> Format | None:
    """Return the format that the file's first bytes say; None where it is none of these."""
    return next((each for each in Format if data.startswith(each.signature)), None)


# What is dropped by mistake, and what to do about it; `at` is where the signature stands.
_OTHERS = (
    # (at, signature, what it is, what to do)
    (128, b"DICM", "a DICOM file", "Export the film from it as JPEG or PNG"),
    (0, b"%PDF", "a PDF document", "Export the film itself as JPEG or PNG"),
    (0, b"PK\x03\x04", "a zip archive", "Unpack it and drop the films in it"),
    (0, b"\x1f\x8b", "a gzip archive", "Unpack it and drop the films in it"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", "Unpack it and drop the films in it"),
    (0, b"Rar!", "a RAR archive", "Unpack it and drop the films in it"),
    (257, b"ustar", "a tar archive", "Unpack it and drop the films in it"),
    (0, b"II*\x00", "a TIFF image", "Export the film as JPEG or PNG"),
    (0, b"MM\x00*", "a TIFF image", "Export the film as JPEG or PNG"),
    (8, b"WEBP", "a WebP image", "Export the film as JPEG or PNG"),
    (0, b"GIF8", "a GIF image", "Export the film as JPEG or PNG"),
    (0, b"BM", "a BMP image", "Export the film as JPEG or PNG"),
    (4, b"ftypheic", "a HEIC photo", "Export the film itself as JPEG or PNG"),
    (0, b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 image", "Export the film as JPEG or PNG"),
)


def refuse_others(data: bytes) -> None:
    """Raise Rejected where the file is of a known format that is not screened.

    What is of no known format goes on to the endpoint, which says what it makes of it.
    """
    if format_of(data):
        return
    for at, signature, what, remedy in _OTHERS:
        if data[at : at + len(signature)] == signature:
            raise Rejected(Code.FORMAT, f"The file is {what}. {remedy}, and drop it again.")
