"""Reasons why a file can't be read as a film."""

from screening.facts import Facts
from screening.refusals import Code


class NotReadable(Exception):
    """The bytes are not a film; the message tells the sender what is wrong and what to do.

    For a DICOM file with a readable header, `facts` has its facts, and `picture` is a PNG for
    readers of a film that the network should not judge.
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
