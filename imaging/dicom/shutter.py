"""Display shutters: parts of a film that a workstation hides, e.g. an unexposed border."""

import numpy as np
from PIL import Image, ImageDraw

from imaging.dicom.header import Shutter
from imaging.dicom.samples import Samples
from imaging.grey import Grey

_LEAST_LEFT = 0.1  # share of the film's area; a shutter that leaves less is ignored

Box = tuple[int, int, int, int]  # left, upper, right, lower: pixels from 0, the last two exclusive


def box_of(shutter: Shutter, rows: int, columns: int) -> Box | None:
    """Return the part of the film within all of its shutters; None for the whole film."""
    left, upper, right, lower = 0, 0, columns, rows
    for edges in _edges(shutter):
        left, upper = max(left, edges[0]), max(upper, edges[1])
        right, lower = min(right, edges[2]), min(lower, edges[3])
    if (left, upper, right, lower) == (0, 0, columns, rows):
        return None
    sensible = left < right and upper < lower
    area = (right - left) * (lower - upper)
    return (
        (left, upper, right, lower) if sensible and area >= _LEAST_LEFT * rows * columns else None
    )


def cropped(samples: Samples, box: Box) -> Samples:
    left, upper, right, lower = box
    return samples[upper:lower, left:right]


def blackened(grey: Grey, shutter: Shutter, box: Box) -> Grey:
    """Return the film within `box`, black outside circular and polygonal shutters."""
    if shutter.circle is None and shutter.polygon is None:
        return grey
    left, upper, *_ = box
    mask = Image.new("L", (grey.shape[1], grey.shape[0]), 255)
    for shape in _shapes(shutter):
        shown = Image.new("L", mask.size, 0)
        draw = ImageDraw.Draw(shown)
        moved = [(x - left, y - upper) for x, y in shape]
        if len(moved) == 2:
            draw.ellipse(moved, fill=255)
        else:
            draw.polygon(moved, fill=255)
        mask = Image.fromarray(np.minimum(np.asarray(mask), np.asarray(shown)))
    return np.where(np.asarray(mask) > 0, grey, 0).astype(np.uint8)


def _edges(shutter: Shutter) -> list[Box]:
    """Return the bounds of each shutter, in pixels from 0."""
    found: list[Box] = []
    if shutter.rectangle is not None:
        left, right, upper, lower = shutter.rectangle
        left, right = sorted((left, right))
        upper, lower = sorted((upper, lower))
        # The edges are the first hidden pixels; some devices write the last shown ones.
        found.append((max(0, left - 1), max(0, upper - 1), right, lower))
    for shape in _shapes(shutter):
        across, down = [x for x, _ in shape], [y for _, y in shape]
        found.append((max(0, min(across)), max(0, min(down)), max(across) + 1, max(down) + 1))
    return found


def _shapes(shutter: Shutter) -> list[list[tuple[int, int]]]:
    """Return circles as two corners and polygons as all corners: (x, y) in pixels from 0."""
    shapes = []
    if shutter.circle is not None:
        row, column, radius = shutter.circle
        corners = [(column - 1 - radius, row - 1 - radius), (column - 1 + radius, row - 1 + radius)]
        shapes.append(corners)
    if shutter.polygon is not None:
        shapes.append([(column - 1, row - 1) for row, column in shutter.polygon])
    return shapes
