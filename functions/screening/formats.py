"""File formats, recognised by their first bytes: those that are screened, and others."""

from enum import Enum

from screening.refusals import Code, Rejected

DICOM_PREFIX_BYTES = 132  # after a preamble of 128 bytes
_DICOM_PREFIX = b"DICM"
_MOST_BYTES_OF_A_FIRST_TAG = 64


class Format(Enum):
    """A file format: its media type, its signature, and the offset of the signature."""

    JPEG = ("image/jpeg", b"\xff\xd8\xff", 0)
    PNG = ("image/png", b"\x89PNG\r\n\x1a\n", 0)
    DICOM = ("application/dicom", _DICOM_PREFIX, 128)

    def __init__(self, content_type: str, signature: bytes, offset: int) -> None:
        self.content_type = content_type
        self.signature = signature
        self.offset = offset


def format_of(data: bytes) -> Format | None:
    """Return the format of a file by its first bytes, or None for other formats."""
    for each in Format:
        if data.startswith(each.signature, each.offset):
            return each
    return Format.DICOM if _is_bare_dicom(data) else None


def has_dicom_prefix(data: bytes) -> bool:
    return data.startswith(_DICOM_PREFIX, Format.DICOM.offset)


def _is_bare_dicom(data: bytes) -> bool:
    """Return whether it is DICOM without the preamble, as some archives send it.

    Such files begin with a tag of group 2 or 8 in little endian: four bytes of tag, then a type of
    two letters, or else a short length in four bytes.
    """
    group, element = data[:2], int.from_bytes(data[2:4], "little")
    if len(data) < 8 or group not in (b"\x02\x00", b"\x08\x00") or element > 0x18:
        return False
    length = int.from_bytes(data[4:8], "little")
    return data[4:6] in (b"UL", b"OB", b"CS", b"UI", b"DA") or (
        group == b"\x08\x00" and length <= _MOST_BYTES_OF_A_FIRST_TAG
    )


_EXPORT = "Export the film itself as JPEG, PNG or DICOM, and drop that."
_UNPACK = "Unpack it, and drop only the films in it (JPEG, PNG or DICOM)."
_COMPANION = "Ignore it, and drop only the films beside it (JPEG, PNG or DICOM)."

# Common files that are uploaded by mistake, and what to do about them. `at` is the offset of the
# signature.
_OTHERS = (
    # (at, signature, name, remedy)
    (0, b"%PDF", "a PDF document", _EXPORT),
    (0, b"PK\x03\x04", "a zip archive", _UNPACK),
    (0, b"PK\x05\x06", "an empty zip archive", _EXPORT),
    (0, b"\x1f\x8b", "a gzip archive", _UNPACK),
    (0, b"BZh", "a bzip2 archive", _UNPACK),
    (0, b"\xfd7zXZ", "an xz archive", _UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (0, b"Rar!", "a RAR archive", _UNPACK),
    (257, b"ustar", "a tar archive", _UNPACK),
    (0, b"II*\x00", "a TIFF image", _EXPORT),
    (0, b"MM\x00*", "a TIFF image", _EXPORT),
    (8, b"WEBP", "a WebP image", _EXPORT),
    (0, b"GIF8", "a GIF image", _EXPORT),
    (0, b"BM", "a BMP image", _EXPORT),
    (4, b"ftyp", "a HEIC photo, an AVIF image or a video", _EXPORT),
    (0, b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 image", _EXPORT),
    (0, b"\x00\x05\x16\x07", "a Mac's companion file (AppleDouble)", _COMPANION),
    (0, b"\x00\x00\x00\x01Bud1", "a Mac's folder settings (.DS_Store)", _COMPANION),
    (0, b"--", "the body of a web form or another text", _EXPORT),
    (0, b"<!DOCTYPE", "a web page", _EXPORT),
    (0, b"<html", "a web page", _EXPORT),
    (0, b"<?xml", "an XML document", _EXPORT),
    (0, b"{\\rtf", "a text document", _EXPORT),
    (0, b"\xd0\xcf\x11\xe0", "an Office document or Windows' thumbnails (Thumbs.db)", _EXPORT),
)


def refuse_others(data: bytes) -> None:
    """Raise Rejected if the file has a known format that is not screened.

    Files of unknown formats go to the endpoint, which decides.
    """
    if format_of(data):
        return
    for at, signature, what, remedy in _OTHERS:
        if data[at : at + len(signature)] == signature:
            raise Rejected(Code.FORMAT, f"The file is {what}. {remedy}")
