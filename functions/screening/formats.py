"""The image formats that are screened, each known by the bytes that its files begin with."""

from enum import Enum

DICOM_PREFIX_BYTES = 132  # 128 of anything, and DICM
_DICOM_PREFIX = b"DICM"
_MOST_BYTES_OF_A_FIRST_TAG = 64


class Format(Enum):
    """A file format: its media type, its signature, and how many bytes lie before that."""

    JPEG = ("image/jpeg", b"\xff\xd8\xff", 0)
    PNG = ("image/png", b"\x89PNG\r\n\x1a\n", 0)
    DICOM = ("application/dicom", _DICOM_PREFIX, 128)

    def __init__(self, content_type: str, signature: bytes, offset: int) -> None:
        self.content_type = content_type
        self.signature = signature
        self.offset = offset


def format_of(data: bytes) -> Format | None:
    """Return the format that the file's first bytes say; None where it is none of these."""
    for each in Format:
        if data.startswith(each.signature, each.offset):
            return each
    return Format.DICOM if _is_bare_dicom(data) else None


def has_dicom_prefix(data: bytes) -> bool:
    return data.startswith(_DICOM_PREFIX, Format.DICOM.offset)


def _is_bare_dicom(data: bytes) -> bool:
    """Tell whether it is DICOM without the prefix, as some archives hand it out.

    Such files begin with the first tags of group 2 or 8, in little endian: four bytes of tag, then
    a type of two letters, or else the length of a short value in four bytes.
    """
    group, element = data[:2], int.from_bytes(data[2:4], "little")
    if len(data) < 8 or group not in (b"\x02\x00", b"\x08\x00") or element > 0x18:
        return False
    length = int.from_bytes(data[4:8], "little")
    return data[4:6] in (b"UL", b"OB", b"CS", b"UI", b"DA") or (
        group == b"\x08\x00" and length <= _MOST_BYTES_OF_A_FIRST_TAG
    )
