"""`cxr-alert predict`: print the application's findings on any images."""

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from screening.errors import Mistake
from screening.judgement import Finding, finding_of
from screening.messages import printable
from training.dataset.files import list_files
from training.dataset.folder import print_notes
from training.evaluation.predictor import (
    NotAllRead,
    ParallelPredictor,
    Probabilities,
    Unread,
)

PLACES = 6


def films_below(paths: Sequence[Path]) -> list[Path]:
    """Return the files among `paths`, and for each folder the films in it, at any depth."""
    films: list[Path] = []
    for path in paths:
        if not path.is_dir():
            films.append(path)
            continue
        listing = list_files(path)
        if not listing.films:
            others = f"; {len(listing.others):,} other files lie there" if listing.others else ""
            raise Mistake(f"There is no JPEG, PNG or DICOM film in {path}{others}.")
        if listing.others:
            print_notes(
                [
                    f"{len(listing.others):,} files in {path} are not JPEG, PNG or DICOM "
                    f"and are left out, e.g. {printable(str(min(listing.others)))}."
                ]
            )
        films += sorted(listing.films)
    return films


def predict_images(
    images: Sequence[Path],
    asked: ParallelPredictor,
    cutoff: float,
    *,
    gated: bool,
    as_json: bool,
) -> None:
    """Print the answer of `asked` for each of `images`, with the finding at `cutoff`.

    The output is a table, or JSON for programs. An image that can't be read, or that the gate
    rejects (if `gated`), is shown with the reason, and NotAllRead is raised after all images.
    """
    answers = list(zip(images, asked.predict(images, gated=gated), strict=True))
    if as_json:
        print(json.dumps([_record(image, answer, cutoff) for image, answer in answers], indent=2))
    else:
        _print_table(answers, cutoff, asked.predictor.name)
    unread = sum(isinstance(answer, Unread) for _, answer in answers)
    if unread:
        raise NotAllRead(f"{unread} of {len(images)} images were not screened.")


def _record(image: Path, answer: Probabilities | Unread, cutoff: float) -> dict[str, str | float]:
    if isinstance(answer, Unread):
        code = {"code": answer.code} if answer.code else {}
        return {"image": str(image), "finding": Finding.REJECTED, **code, "error": answer.why}
    normal, pneumonia = (round(value, PLACES) for value in answer)
    finding = _finding(pneumonia, cutoff)
    return {"image": str(image), "finding": finding, "normal": normal, "pneumonia": pneumonia}


def _print_table(
    answers: Sequence[tuple[Path, Probabilities | Unread]], cutoff: float, network: str
) -> None:
    table = Table("image", caption=f"By {escape(network)}, cutoff {cutoff:g}; not a diagnosis.")
    table.add_column("finding", no_wrap=True)
    table.add_column("normal", justify="right", no_wrap=True)
    table.add_column("pneumonia", justify="right", no_wrap=True)
    reasons = []
    for image, answer in answers:
        name = escape(printable(str(image)))
        if isinstance(answer, Unread):
            table.add_row(name, Finding.REJECTED, "-", "-")
            code = f" ({answer.code})" if answer.code else ""
            reasons.append(f"{name} is not screened{code}: {escape(answer.why)}")
        else:
            shares = (f"{100 * value:.1f} %" for value in answer)
            table.add_row(name, _finding(answer[1], cutoff), *shares)
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    for reason in reasons:
        console.print(reason)


def _finding(pneumonia: float, cutoff: float) -> Finding:
    """Return the finding as the application does, from the probability to 6 decimals."""
    return finding_of(Decimal(f"{pneumonia:.{PLACES}f}"), Decimal(str(cutoff)))
