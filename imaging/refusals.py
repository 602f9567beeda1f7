"""Reasons why a file can't be read as a film."""

from screening.facts import Facts
from screening.refusals import Code


class NotReadable(Exception):
    """Bytes that are no film; the message tells whoever sent them what is wrong and what to do.

    Of a DICOM file whose header could be read, `facts` say what it is, and `picture`, a PNG, shows
    to readers what a network should not be asked about.
    """

    code: str = Code.UNREADABLE
    facts: Facts | None = None
    picture: bytes | None = None


class UnsupportedFormat(NotReadable):
    """The file has a format that is not read."""

    code = Code.FORMAT


class TooLarge(NotReadable):
    """The image has more pixels, or takes more work, than an X-ray."""

    code = Code.TOO_LARGE
