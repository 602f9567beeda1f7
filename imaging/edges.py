"""Find and cut off padding at a film's edges.

Exports pad films with white, grey or black to a fixed shape. The network takes white strips at the
sides for disease, and overlooks disease beside white strips above and below; any wide strip moves
the lungs to unusual places. Training and serving read films through the same readers, so both see
films without padding.
"""

import numpy as np
from numpy.typing import NDArray

from imaging.grey import Grey
from imaging.limits import MIN_SIDE

# A line is padding if most of its pixels are close to its median grey level. The first line is held
# to stricter limits than those behind it, where JPEG leaves ripples of the film's edge.
_SAME, _NEAR = 12, 24  # largest distance from the median: first line, other lines
_EVEN, _STILL_EVEN = 0.97, 0.9  # least share of such pixels: first line, other lines
# A strip below this level may be the collimated border of a film, which stays. It is padding if it
# takes a larger share of the side than borders do, or if it is black and free of noise.
_DARK = 48
_WIDE = 0.08
_BLACK, _ALL = 3, 0.995  # this share of a line's pixels is not above this level
_BRIGHT = 200  # from this level on, a strip may be scanned paper, with noise and text
_WRITING = 0.06  # height of a line of text, as a share of the side
_LEAST_KEPT = 0.3  # share of each side that must remain, or the image is no film with padding


def without_padding(grey: Grey) -> Grey:
    """Return the film without evenly coloured strips at its edges, as a view of `grey`.

    `grey` is [height, width]. A film that is nearly all one level is returned as it is.
    """
    film = grey
    while True:
        top, bottom = _strip(film), _strip(film[::-1])
        left, right = _strip(film.T), _strip(film.T[::-1])
        if not (top or bottom or left or right):
            return film
        height, width = film.shape
        film = film[top : height - bottom, left : width - right]
        if (
            min(film.shape) < MIN_SIDE
            or film.shape[0] < _LEAST_KEPT * grey.shape[0]
            or film.shape[1] < _LEAST_KEPT * grey.shape[1]
        ):
            return grey


def _strip(film: Grey) -> int:
    """Return the number of lines of padding, from the first line on."""
    level = float(np.median(film[0]))
    bright = level >= _BRIGHT
    if _share(film[0], level, _NEAR if bright else _SAME) < _EVEN:
        return 0
    gap = int(_WRITING * len(film)) if bright else 0
    lines, line = 1, 1
    while line < len(film) and line - lines <= gap:
        if _share(film[line], level, _NEAR) >= _STILL_EVEN:
            lines = line + 1
        line += 1
    if level >= _DARK or lines >= _WIDE * len(film):
        return lines
    black = 0
    while black < lines and _share(film[black], 0, _BLACK) >= _ALL:
        black += 1
    return black


def _share(line: NDArray[np.uint8], level: float, within: int) -> float:
    return float((np.abs(line.astype(np.int16) - level) <= within).mean())
