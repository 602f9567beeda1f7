"""`cxr-alert predict`: the probability of each class, for any images."""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cxr_alert.errors import Mistake
from training.dataset.folder import is_film
from training.evaluation.predictor import (
    NotAllRead,
    ParallelPredictor,
    Probabilities,
    Unread,
)

PLACES = 6


def films_below(paths: Sequence[Path]) -> list[Path]:
    """The files among `paths` as they are, and for each folder the films in it, at any depth."""
    films: list[Path] = []
    for path in paths:
        if not path.is_dir():
            films.append(path)
            continue
        below = [each for each in sorted(path.rglob("*")) if is_film(each)]
        if not below:
            raise Mistake(f"There is no JPEG, PNG or DICOM film in {path}.")
        films += below
    return films


def predict_images(images: Sequence[Path], asked: ParallelPredictor, *, as_json: bool) -> None:
    """Print what `asked` says of each of `images`: a table, or JSON for programs.

    An image that can't be read is shown with the reason, and NotAllRead raised after the others.
    """
    answers = list(zip(images, asked.predict(images), strict=True))
    if as_json:
        print(json.dumps([_record(image, answer) for image, answer in answers], indent=2))
    else:
        _print_table(answers, asked.predictor.name)
    unread = sum(isinstance(answer, Unread) for _, answer in answers)
    if unread:
        raise NotAllRead(f"{unread} of {len(images)} images could not be read.")


def _record(image: Path, answer: Probabilities | Unread) -> dict[str, str | float]:
    if isinstance(answer, Unread):
        return {"image": str(image), "error": answer.why}
    normal, pneumonia = (round(value, PLACES) for value in answer)
    return {"image": str(image), "normal": normal, "pneumonia": pneumonia}


def _print_table(answers: Sequence[tuple[Path, Probabilities | Unread]], network: str) -> None:
    table = Table("image", caption=f"Probabilities by {escape(network)}; not a diagnosis.")
    table.add_column("normal", justify="right", no_wrap=True)
    table.add_column("pneumonia", justify="right", no_wrap=True)
    reasons = []
    for image, answer in answers:
        name = escape(str(image))
        if isinstance(answer, Unread):
            table.add_row(name, "-", "-")
            reasons.append(f"{name} can't be read: {escape(answer.why)}")
        else:
            table.add_row(name, *(f"{100 * value:.1f} %" for value in answer))
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    for reason in reasons:
        console.print(reason)
