"""The measures as tables of text, for the page and the command line. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from screening.interval import Estimate
from worklist.rules.performance import Case, Measures, by, cutoff_for, measure, readers_agree, week

NOTHING = "not known"
_COLUMNS = ("", "positives", "read", "precision", "negatives drawn", "read", "sensitivity")


@dataclass(frozen=True)
class Table:
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


def tables(chosen: Sequence[Case], wanted: float) -> list[Table]:
    """Return all measures of the cases, and the cutoff for a wanted sensitivity."""
    whole = measure(chosen)
    found = [
        Table(
            "In all",
            _COLUMNS,
            [_row("all films", whole)],
            "Shares with their 95 % intervals. Precision: the share of positives that readers "
            "confirmed. Sensitivity: the share of films with pneumonia, according to readers, "
            "that were positive. It counts blinded readings only; drawn negatives are weighted "
            "by the inverse of their chance. "
            f"{whole.disputed} films on which readers were unsure or divided are left out.",
        ),
        _agreement(chosen),
        _cutoff(chosen, wanted),
        _grouped("By week", by(chosen, week)),
        _grouped("By model", by(chosen, lambda case: case.model)),
    ]
    groups = by(chosen, lambda case: case.group or "no folder")
    return [*found, _grouped("By folder", groups)] if len(groups) > 1 else found


def _grouped(title: str, groups: Mapping[str, Measures]) -> Table:
    return Table(title, _COLUMNS, [_row(name, each) for name, each in groups.items()])


def _row(name: str, of: Measures) -> tuple[str, ...]:
    return (
        name,
        str(of.positives),
        str(of.positives_read),
        _share(of.precision),
        str(of.drawn),
        str(of.drawn_read),
        _share(of.sensitivity),
    )


def _agreement(chosen: Sequence[Case]) -> Table:
    twice = sum(len(case.readings) > 1 for case in chosen)
    found = readers_agree(chosen)
    text = f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})" if found else NOTHING
    return Table(
        "Agreement between readers",
        ("films read by several", "Krippendorff's alpha"),
        [(str(twice), text)],
        "1 is full agreement, 0 is agreement by chance.",
    )


def _cutoff(chosen: Sequence[Case], wanted: float) -> Table:
    title = f"The cutoff for a sensitivity of {wanted:.0%}".replace("%", " %")
    columns = ("cutoff", "sensitivity", "precision", "alerts per 1,000 films", "now")
    found = cutoff_for(chosen, wanted)
    if found is None:
        return Table(
            title,
            columns,
            [(NOTHING,) * len(columns)],
            "Too few blinded readings yet.",
        )
    row = (
        f"{found.cutoff:.4f}",
        _share(found.sensitivity),
        _percent(found.precision),
        f"{found.alerts_per_thousand:.0f}",
        f"{found.alerts_per_thousand_now:.0f}",
    )
    return Table(title, columns, [row], "A cutoff applies to one network; see the table By model.")


def _share(of: Estimate | None) -> str:
    if of is None:
        return NOTHING
    return f"{_percent(of.value)} ({_percent(of.low)} to {_percent(of.high)})"


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"
