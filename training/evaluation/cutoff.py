"""`cxr-alert cutoff`: choose the cutoff on validation films."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from training.dataset.folder import BadDataset, Film, split_of
from training.evaluation.calibration import Floats, Rate, wilson
from training.evaluation.evaluate import Evaluation
from training.evaluation.metrics import ExpectedPerThousand, per_thousand

SIGNIFICANT_DIGITS = 3  # of a cutoff, so that people can read and type it
_TEST = "test"


class NoCutoff(BadDataset):
    """No cutoff meets the request on these films; the message says why."""


@dataclass(frozen=True)
class Choice:
    """A cutoff, and its figures on the films that it was chosen on."""

    cutoff: float
    sensitivity: Rate
    specificity: Rate


def refuse_test_films(data: Path, films: Sequence[Film]) -> None:
    """Raise BadDataset if films of a published test split are among `films` below `data`."""
    if any(split_of(data, film.path) == _TEST for film in films):
        raise BadDataset(
            f"{data} holds test films, and a cutoff chosen on them would make every figure that is "
            "later measured on them too good: choose it on validation films, "
            "with --data on another folder or --only a list like a training run's validation.txt."
        )


def choose(labels: Floats, probabilities: Floats, sensitivity: float) -> Choice:
    """Return the highest cutoff that finds the share `sensitivity` of the films with pneumonia.

    It is rounded down to a few digits, which can only find more. Raises NoCutoff if a film that has
    to be found has probability 0.
    """
    return _choice(labels, probabilities, math.ceil(round(sensitivity * labels.sum(), 9)))


def choose_supported(labels: Floats, probabilities: Floats, sensitivity: float) -> Choice | None:
    """Return the highest cutoff with a sensitivity interval that begins at `sensitivity` or above.

    Returns None if there are too few films with pneumonia for that, even if all of them are found.
    """
    ill = int(labels.sum())
    for found in range(math.ceil(round(sensitivity * ill, 9)), ill + 1):
        if wilson(found, ill).low >= sensitivity:
            return _choice(labels, probabilities, found)
    return None


def fewest_ill(sensitivity: float) -> int:
    """Return how many films, all found, it takes for the interval to begin at `sensitivity`."""
    count = 1
    while wilson(count, count).low < sensitivity:
        count += 1
    return count


def show(
    evaluation: Evaluation, sensitivity: float, prevalences: Sequence[float], *, as_json: bool
) -> None:
    """Print the cutoff for `sensitivity`, with its cost at each prevalence."""
    labels, probabilities = evaluation.labels, evaluation.probabilities
    chosen = choose(labels, probabilities, sensitivity)
    try:
        supported = choose_supported(labels, probabilities, sensitivity)
    except NoCutoff:
        supported = None
    ill = int(labels.sum())
    if as_json:
        record = {
            "network": evaluation.network,
            "films": len(labels),
            "ill": ill,
            "sensitivity": sensitivity,
            "chosen": _record(chosen, prevalences),
            "supported": _record(supported, prevalences) if supported else None,
        }
        print(json.dumps(record, indent=2))
        return
    console = Console(highlight=False)
    console.print(
        f"{len(labels)} films, {ill} of them with pneumonia; wanted sensitivity {sensitivity:g}. "
        "In parentheses: 95 % intervals."
    )
    console.print(_table(f"finds {sensitivity:g} of these films", chosen, prevalences))
    if supported:
        how = f"finds {sensitivity:g} even at the lower end of its interval"
        console.print(_table(how, supported, prevalences))
    else:
        console.print(_not_supported(chosen, sensitivity, ill))


def _choice(labels: Floats, probabilities: Floats, found: int) -> Choice:
    needed = float(np.sort(probabilities[labels == 1])[::-1][max(found, 1) - 1])
    cutoff = _rounded_down(needed)
    if cutoff <= 0:
        raise NoCutoff(
            f"To find {found} of the {int(labels.sum())} ill films, one with probability 0 would "
            "have to be found: no cutoff reaches this sensitivity."
        )
    positive = probabilities >= cutoff
    sick, well = labels == 1, labels == 0
    return Choice(
        cutoff,
        wilson(int(np.sum(positive & sick)), int(np.sum(sick))),
        wilson(int(np.sum(~positive & well)), int(np.sum(well))),
    )


def _rounded_down(probability: float) -> float:
    exact = Decimal(repr(probability))
    if not exact:
        return 0.0
    place = Decimal(1).scaleb(exact.adjusted() - SIGNIFICANT_DIGITS + 1)
    return float(exact.quantize(place, rounding=ROUND_FLOOR))


def _not_supported(choice: Choice, sensitivity: float, ill: int) -> str:
    fewest = fewest_ill(sensitivity)
    remedy = (
        f"that takes at least {fewest} films with pneumonia, all of them found"
        if ill < fewest
        else "the network misses too many of them for that at any cutoff"
    )
    return (
        f"These {ill} films with pneumonia can't promise {sensitivity:g}: at this cutoff the true "
        f"sensitivity may be as low as {choice.sensitivity.low:.3f}; {remedy}."
    )


def _record(choice: Choice, prevalences: Sequence[float]) -> dict[str, object]:
    expected = []
    for ill in prevalences:
        thousand = per_thousand(choice.sensitivity, choice.specificity, ill)
        expected.append(
            {
                "prevalence": ill,
                "precision": thousand.precision,
                "precision_interval": _precision(choice, ill),
                "false_alarms": thousand.false[0],
                "false_alarms_interval": thousand.false[1:],
                "missed": thousand.missed[0],
                "missed_interval": thousand.missed[1:],
            }
        )
    return {
        "cutoff": choice.cutoff,
        "sensitivity": choice.sensitivity.share,
        "sensitivity_interval": [choice.sensitivity.low, choice.sensitivity.high],
        "specificity": choice.specificity.share,
        "specificity_interval": [choice.specificity.low, choice.specificity.high],
        "per_thousand": expected,
    }


def _table(how: str, choice: Choice, prevalences: Sequence[float]) -> Table:
    title = (
        f"\nCutoff {choice.cutoff:g} {how}: sensitivity {_rate(choice.sensitivity)}, "
        f"specificity {_rate(choice.specificity)}"
    )
    table = Table(title=title, title_justify="left", title_style="bold")
    for name in ("ill", "precision", "false alarms\nper 1,000 films", "missed\nper 1,000 films"):
        table.add_column(name, justify="right")
    for ill in prevalences:
        thousand: ExpectedPerThousand = per_thousand(choice.sensitivity, choice.specificity, ill)
        low, high = _precision(choice, ill)
        table.add_row(
            f"{100 * ill:g} %",
            f"{thousand.precision:.3f} ({low:.3f} to {high:.3f})",
            "{:.0f} ({:.0f} to {:.0f})".format(*thousand.false),
            "{:.1f} ({:.1f} to {:.1f})".format(*thousand.missed),
        )
    return table


def _precision(choice: Choice, ill: float) -> tuple[float, float]:
    """Return the precision with both rates at the worse, and at the better, interval ends."""
    worst = per_thousand(_exactly(choice.sensitivity.low), _exactly(choice.specificity.low), ill)
    best = per_thousand(_exactly(choice.sensitivity.high), _exactly(choice.specificity.high), ill)
    return worst.precision, best.precision


def _exactly(share: float) -> Rate:
    return Rate(share, share, share)


def _rate(rate: Rate) -> str:
    return f"{rate.share:.3f} ({rate.low:.3f} to {rate.high:.3f})"
