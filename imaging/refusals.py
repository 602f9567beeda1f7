"""Why a file can't be read as a film."""


class NotReadable(Exception):
    """Bytes that are no film; the message tells whoever sent them what is wrong and what to do."""


class UnsupportedFormat(NotReadable):
    """A file of another format than those that are read."""


class TooLarge(NotReadable):
    """More pixels, or more work, than an X-ray has."""
