"""The image formats that are screened, each known by the bytes that its files begin with."""

from enum import Enum


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
