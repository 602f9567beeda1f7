"""Charts of a data set: the distribution of its classes, and example films."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from imaging.readers import read_grey
from training.dataset.folder import CLASSES, Film

_COLORS = ("#0072B2", "#D55E00")  # of CLASSES; by Okabe and Ito, safe for colour blindness
_COLUMNS = 6
_ROWS_PER_CLASS = 2
_LONGEST_NAME = 24


def draw_distribution(parts: Mapping[str, Sequence[Film]], path: Path) -> None:
    """Draw the number of films of each class in each part as bars, as a PNG in `path`."""
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    width = 0.38
    for label, name in enumerate(CLASSES):
        counts = [sum(film.label == label for film in films) for films in parts.values()]
        places = np.arange(len(parts)) + (label - 0.5) * width
        bars = axes.bar(places, counts, width * 0.94, color=_COLORS[label], label=name)
        shares = [n / max(1, len(films)) for n, films in zip(counts, parts.values(), strict=True)]
        texts = [f"{n:,}\n{100 * share:.0f} %" for n, share in zip(counts, shares, strict=True)]
        axes.bar_label(bars, texts, padding=2, fontsize=9)
    axes.set_xticks(range(len(parts)), [f"{part}\n{len(f):,} films" for part, f in parts.items()])
    axes.set_ylabel("films")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.margins(y=0.18)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    _save(figure, path)


def draw_examples(films: Sequence[Film], path: Path) -> None:
    """Draw films of each class under their label, evenly from `films`, as a PNG in `path`."""
    rows = _ROWS_PER_CLASS * len(CLASSES)
    figure = Figure(figsize=(7.5, 1.6 * rows), layout="constrained")
    grid = figure.subplots(rows, _COLUMNS)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    for label, name in enumerate(CLASSES):
        own = [film for film in films if film.label == label]
        places = grid[_ROWS_PER_CLASS * label : _ROWS_PER_CLASS * (label + 1)].flat
        chosen = np.linspace(0, len(own) - 1, min(len(own), len(places))).round().astype(int)
        for axes, place in zip(places, chosen, strict=False):
            film = own[place]
            axes.imshow(read_grey(film.path.read_bytes(), 128), cmap="gray", vmin=0, vmax=255)
            axes.set_title(name, color=_COLORS[label], fontsize=8, fontweight="bold", pad=3)
            axes.set_xlabel(_shortened(film.path.stem), fontsize=6, color="#555555", labelpad=3)
    _save(figure, path)


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _save(figure: Figure, path: Path) -> None:
    """Save as a PNG of 64 colours, which looks the same at a fraction of the size."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=100)
    Image.open(drawn).convert("RGB").quantize(
        64, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
    ).save(path, optimize=True)
