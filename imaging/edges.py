"""Padding at a film's edges, found and cut off.

Exports pad films with white, grey or black to a fixed shape. The network takes white strips at the
sides for disease and overlooks disease beside white strips above and below, and any wide strip
moves the lungs to where it has never seen them. Training and serving read films through the same
readers, so both see films without padding.
"""

import numpy as np
from numpy.typing import NDArray

from imaging.grey import Grey
from imaging.limits import MIN_SIDE

_SAME = 12  # grey levels: how far a pixel of an evenly padded line may be from its median ...
_NEAR = 24  # ... and in the lines behind the first, where JPEG leaves ripples of the film's edge
_EVEN = 0.97  # the share of such pixels that makes the first line padding ...
_STILL_EVEN = 0.9  # ... and each line behind it
_DARK = 48  # below this level a strip may be the collimated border of a film ...
_WIDE = 0.08  # ... unless it takes this share of the side: few borders do, most padding does
_LEAST_KEPT = 0.3  # of either side: what leaves less is no film with padding


def without_padding(grey: Grey) -> Grey:
    """The film without evenly coloured strips at its edges; a view of `grey`, [height, width].

    A film that is nearly all one level comes back as it is.
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
    """The number of lines from the first one on that are padding."""
    level = float(np.median(film[0]))
    if _share(film[0], level, _SAME) < _EVEN:
        return 0
    lines = 1
    while lines < len(film) and _share(film[lines], level, _NEAR) >= _STILL_EVEN:
        lines += 1
    narrow = lines < _WIDE * len(film)
    return 0 if level < _DARK and narrow else lines


def _share(line: NDArray[np.uint8], level: float, within: int) -> float:
    return float((np.abs(line.astype(np.int16) - level) <= within).mean())
