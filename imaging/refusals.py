"""Reasons why a file can't be read as a film."""

from screening.refusals import Code


class NotReadable(Exception):
    """The bytes are not a film; the message tells the sender what is wrong and what to do."""

    code: str = Code.UNREADABLE


class UnsupportedFormat(NotReadable):
    """The file has a format that is not read."""

    code = Code.FORMAT


class TooLarge(NotReadable):
    """The image has more pixels, or takes more work, than an X-ray."""

    code = Code.TOO_LARGE
