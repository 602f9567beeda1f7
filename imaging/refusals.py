"""Why a file can't be read as a film."""

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
    """A file of another format than those that are read."""

    code = Code.FORMAT


class TooLarge(NotReadable):
    """More pixels, or more work, than an X-ray has."""

    code = Code.TOO_LARGE
