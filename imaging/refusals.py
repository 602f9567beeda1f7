"""Why a file can't be read as a film."""

from screening.refusals import Code


class NotReadable(Exception):
    """Bytes that are no film; the message tells whoever sent them what is wrong and what to do."""

    code: str = Code.UNREADABLE


class UnsupportedFormat(NotReadable):
    """A file of another format than those that are read."""

    code = Code.FORMAT


class TooLarge(NotReadable):
    """More pixels, or more work, than an X-ray has."""

    code = Code.TOO_LARGE
