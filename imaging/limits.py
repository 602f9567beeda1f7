"""Limits of film sizes, so that no file takes more memory than there is.

A reader checks the size before it decodes any pixel, and decodes very large films one at a time.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from imaging.refusals import NotReadable, TooLarge

MAX_PIXELS = 40_000_000  # twice the largest digitised chest film: 14 x 17 inch at 300 dpi
LARGE_PIXELS = 12_000_000
MIN_SIDE = 32
MAX_ASPECT = 10

_decoding_a_large_film = threading.Lock()


def check_size(width: int, height: int) -> None:
    """Raise NotReadable, or its special case TooLarge, for a size that no X-ray has."""
    if width * height > MAX_PIXELS:
        raise TooLarge(
            f"The image has {width} x {height} pixels, and at most {MAX_PIXELS // 10**6} million "
            "are read. Export the X-ray at a smaller size."
        )
    if min(width, height) < MIN_SIDE:
        raise NotReadable(
            f"The image has {width} x {height} pixels, too few to be an X-ray: "
            f"each side needs at least {MIN_SIDE}. Upload the film at its full size."
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise NotReadable(
            f"The image has {width} x {height} pixels, too long and narrow to be an X-ray. "
            "Upload the whole film."
        )


@contextmanager
def large_films_in_turn(width: int, height: int) -> Iterator[None]:
    """Decode inside this block: if the film is large, other large ones wait for its end."""
    if width * height <= LARGE_PIXELS:
        yield
        return
    with _decoding_a_large_film:
        yield
