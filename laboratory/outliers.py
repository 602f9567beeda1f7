"""Images that are not an upright frontal chest film of a child, for the gate to learn from.

Some are spoilt films of chests (inverted, turned, cropped to a part, in another layout); others are
drawn: text, noise, shapes. All are grey levels, uint8 [S, S], varied by a seeded generator.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageOps

Grey = NDArray[np.uint8]
Random = np.random.Generator
Spoil = Callable[[Grey, Random], Grey]


def varied(film: Grey, random: Random) -> Grey:
    """Return the image as another machine or person might produce it; still upright and whole."""
    picture = Image.fromarray(film)
    if random.random() < 0.5:
        picture = ImageOps.mirror(picture)
    side = picture.width
    if random.random() < 0.5:
        picture = picture.rotate(random.uniform(-12, 12), Image.Resampling.BILINEAR)
    if random.random() < 0.6:
        left, top, right, bottom = random.uniform(0, 0.14, 4) * side
        box = (int(left), int(top), int(side - right), int(side - bottom))
        picture = picture.crop(box).resize((side, side), Image.Resampling.BILINEAR)
    if random.random() < 0.25:
        borders = int(random.uniform(0, 0.12) * side), int(random.uniform(0, 0.12) * side)
        small = picture.resize((side - 2 * borders[0], side - 2 * borders[1]))
        picture = Image.new("L", (side, side), int(random.choice([0, 0, 0, 255, 40])))
        picture.paste(small, borders)
    if random.random() < 0.3:
        picture = picture.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 2.2)))
    elif random.random() < 0.3:
        picture = picture.filter(ImageFilter.UnsharpMask(2, int(random.uniform(50, 200)), 0))
    levels = np.asarray(picture, dtype=np.float32) / 255
    levels = levels ** np.exp(random.uniform(-0.5, 0.5))
    levels = 0.5 + (levels - 0.5) * np.exp(random.uniform(-0.6, 0.3)) + random.uniform(-0.1, 0.1)
    if random.random() < 0.3:
        levels = levels + random.normal(0, random.uniform(0.01, 0.04), levels.shape)
    return _bytes(levels)


def clouded(film: Grey, random: Random) -> Grey:
    """Return the film with one to four soft opacities, as disease leaves them in the lungs."""
    rows, columns = film.shape
    down, across = np.mgrid[0:rows, 0:columns] / np.array([rows, columns])[:, None, None]
    light = np.zeros(film.shape)
    for _ in range(int(random.integers(1, 5))):
        top, left = random.uniform(0.25, 0.8), random.uniform(0.1, 0.9)
        height, width = random.uniform(0.05, 0.2, 2)
        distance = ((down - top) / height) ** 2 + ((across - left) / width) ** 2
        light = np.maximum(light, random.uniform(0.2, 0.8) * np.exp(-distance))
    levels = film / 255
    return _bytes(levels + light * (0.75 - levels).clip(0))


def inverted(film: Grey, random: Random) -> Grey:
    """Return an inverted film."""
    return varied(np.asarray(255 - film, dtype=np.uint8), random)


def turned(film: Grey, random: Random) -> Grey:
    """Rotate by 90, 180 or 270 degrees, or flip upside down."""
    spoilt = [film[::-1], *(np.rot90(film, quarter) for quarter in (1, 2, 3))]
    return varied(np.ascontiguousarray(spoilt[random.integers(4)]), random)


def part(film: Grey, random: Random) -> Grey:
    """Return a corner of the film, or less."""
    side = film.shape[0]
    length = int(side * random.uniform(0.25, 0.52))
    if random.random() < 0.6:
        top, left = (int(random.choice([0, side - length])) for _ in range(2))
    else:
        top, left = (int(random.integers(0, side - length)) for _ in range(2))
    cut = Image.fromarray(film[top : top + length, left : left + length])
    return varied(np.asarray(cut.resize((side, side), Image.Resampling.BILINEAR)), random)


def laid_out(film: Grey, other: Grey, random: Random) -> Grey:
    """Return two films in one image, a viewer's screenshot, or a film with much around it."""
    side = film.shape[0]
    page = Image.new("L", (side, side), int(random.choice([0, 0, 30, 60, 235, 255])))
    draw = ImageDraw.Draw(page)
    kind = random.integers(4)
    if kind == 0:
        gap = int(random.uniform(0, 0.05) * side)
        half = (side - gap) // 2
        upright = random.random() < 0.7
        size = (half, side) if upright else (side, half)
        page.paste(Image.fromarray(film).resize(size), (0, 0))
        page.paste(
            Image.fromarray(other).resize(size), (half + gap, 0) if upright else (0, half + gap)
        )
    elif kind == 1:
        half = side // 2
        for left in (0, half):
            for top in (0, half):
                shown = film if random.random() < 0.5 else other
                page.paste(Image.fromarray(shown).resize((half, half)), (left, top))
    else:
        share = random.uniform(0.4, 0.68)
        width, height = (int(side * share * random.uniform(0.85, 1.15)) for _ in range(2))
        width, height = min(width, int(0.72 * side)), min(height, int(0.72 * side))
        left, top = (int(random.uniform(0, side - length)) for length in (width, height))
        if kind == 2:
            for _ in range(int(random.integers(3, 25))):
                _scribble(draw, side, random)
        page.paste(Image.fromarray(film).resize((width, height)), (left, top))
    return varied(np.asarray(page), random)


def framed(picture: Grey, random: Random) -> Grey:
    """Return the image within a wide frame of one grey level, anywhere in it."""
    side = picture.shape[0]
    page = Image.new("L", (side, side), int(random.choice([0, 0, 0, 30, 235, 255])))
    width, height = (int(side * share) for share in random.uniform(0.35, 0.75, 2))
    place = int(random.uniform(0, side - width)), int(random.uniform(0, side - height))
    page.paste(Image.fromarray(picture).resize((width, height)), place)
    return varied(np.asarray(page), random)


def drawn(side: int, random: Random) -> Grey:
    """Draw a blank image, noise, gradients, shapes, stripes or text."""
    kind = random.integers(7)
    if kind == 0:
        return np.full((side, side), random.integers(256), dtype=np.uint8)
    if kind == 1:
        grain = random.normal(0, 1, (side, side))
        return _stretched(grain, random)
    if kind == 2:  # noise of all scales: clouds
        clouds = np.zeros((side, side))
        for octave in range(1, 7):
            cells = random.normal(0, 1, (2**octave, 2**octave)).astype(np.float32)
            layer = Image.fromarray(cells).resize((side, side), Image.Resampling.BICUBIC)
            clouds += np.asarray(layer) * random.uniform(0.4, 0.8) ** octave
        return _stretched(clouds, random)
    if kind == 3:
        across, down = np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side))
        angle = random.uniform(0, 2 * np.pi)
        slope = across * np.cos(angle) + down * np.sin(angle)
        if random.random() < 0.5:
            slope = np.sin(slope * random.uniform(3, 40))
        return _stretched(slope, random)
    page = Image.new("L", (side, side), int(random.choice([0, 255, int(random.integers(256))])))
    draw = ImageDraw.Draw(page)
    for _ in range(int(random.integers(2, 60))):
        if kind == 4:
            _scribble(draw, side, random)
        else:
            box = np.sort(random.uniform(0, side, (2, 2)), axis=0).ravel().tolist()
            shape = draw.ellipse if random.random() < 0.5 else draw.rectangle
            shape(box, fill=int(random.integers(256)))
    picture = page.filter(ImageFilter.GaussianBlur(random.uniform(0, 4))) if kind == 6 else page
    return np.asarray(picture)


def shuffled(film: Grey, random: Random) -> Grey:
    """Return the tiles of a film in another order."""
    tiles = int(random.integers(2, 6))
    side = film.shape[0] // tiles
    cut = [
        film[row * side : (row + 1) * side, column * side : (column + 1) * side]
        for row in range(tiles)
        for column in range(tiles)
    ]
    order = random.permutation(len(cut))
    rows = [np.hstack([cut[i] for i in order[k : k + tiles]]) for k in range(0, len(cut), tiles)]
    picture = Image.fromarray(np.vstack(rows)).resize((film.shape[0],) * 2)
    return varied(np.asarray(picture), random)


def another_thing(picture: Grey, random: Random) -> Grey:
    """Return an image of something else, in any position, whole or in part, inverted or framed.

    It may be framed, so that a frame alone does not indicate a chest film in a frame (`laid_out`).
    """
    spoilt: list[Spoil] = [varied, varied, inverted, turned, part, framed]
    return spoilt[random.integers(len(spoilt))](picture, random)


def _scribble(draw: ImageDraw.ImageDraw, side: int, random: Random) -> None:
    letters = "".join(chr(letter) for letter in random.integers(33, 123, random.integers(3, 25)))
    place = (float(random.uniform(-0.1, 0.8) * side), float(random.uniform(0, 0.97) * side))
    draw.text(
        place, letters, fill=int(random.integers(256)), font_size=float(random.uniform(6, 24))
    )


def _stretched(values: NDArray[np.float64], random: Random) -> Grey:
    values = (values - values.min()) / (np.ptp(values) + 1e-9)
    return _bytes(values * random.uniform(0.1, 1.0) + random.uniform(0, 0.3))


def _bytes(levels: NDArray[np.floating]) -> Grey:
    return np.asarray((levels * 255).clip(0, 255), dtype=np.uint8)
