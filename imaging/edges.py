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
_BRIGHT = 200  # from this level on a strip may be scanned paper, with noise and with writing in it
_WRITING = 0.06  # of the side: the height of a line of writing
_LEAST_KEPT = 0.3  # of either side: what leaves less is no film with padding


def without_padding(grey: Grey) -> Grey:
    """The film without evenly coloured strips at its edges; a view of `grey`, [height, width].

    A film that is nearly all one level comes back as it is.
    """
    film = grey
    while True:
        inner = _inside(film, _WIDE)
        if inner.shape == film.shape:
            # A narrow black border is the film's own, unless there is white behind it.
            inner = _inside(film, 0)
            if inner.shape == film.shape or not _has_bright_edge(inner):
                return film
        film = inner
        if (
            min(film.shape) < MIN_SIDE
            or film.shape[0] < _LEAST_KEPT * grey.shape[0]
            or film.shape[1] < _LEAST_KEPT * grey.shape[1]
        ):
            return grey


def _inside(film: Grey, dark_from: float) -> Grey:
    """The film within its strips; dark ones count from this share of the side on."""
    top, bottom = _strip(film, dark_from), _strip(film[::-1], dark_from)
    left, right = _strip(film.T, dark_from), _strip(film.T[::-1], dark_from)
    height, width = film.shape
    inner = film[top : height - bottom, left : width - right]
    return inner if inner.size else film


def _strip(film: Grey, dark_from: float) -> int:
    """The number of lines from the first one on that are padding."""
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
    return 0 if level < _DARK and lines < dark_from * len(film) else lines


def _has_bright_edge(film: Grey) -> bool:
    edges = (film, film[::-1], film.T, film.T[::-1])
    return any(np.median(edge[0]) >= _BRIGHT and _strip(edge, 1) for edge in edges)


def _share(line: NDArray[np.uint8], level: float, within: int) -> float:
    return float((np.abs(line.astype(np.int16) - level) <= within).mean())
