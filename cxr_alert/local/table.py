"""The demo's table: live on a terminal, plain lines elsewhere."""

from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cxr_alert.local.demo import Screening, median

_COLUMNS = ("film", "label", "probability", "finding", "record", "alert")
_WIDTHS = (29, 9, 11, 9, 7, 7)  # with a space between them, 77 of a terminal's 80 columns
_RIGHT = (2, 4, 5)
_CAPTION = "record and alert: time from the upload"
_LISTED = 3
_STYLES = {"PNEUMONIA": "bold red", "NORMAL": "green", "REJECTED": "yellow", "MISSING": "bold red"}


def follow(screenings: Iterable[Screening], total: int, console: Console) -> list[Screening]:
    """Show screenings as they arrive; return them."""
    done: list[Screening] = []
    if not console.is_terminal:
        console.print(_line(_COLUMNS), highlight=False, soft_wrap=True)
        for screening in screenings:
            done.append(screening)
            console.print(_line(_cells(screening)), highlight=False, soft_wrap=True)
        console.print(_CAPTION)
        return done
    with Live(_table(done, total), console=console, auto_refresh=False) as live:
        for screening in screenings:
            done.append(screening)
            live.update(_table(done, total), refresh=True)
    return done


def _cells(screening: Screening) -> tuple[str, ...]:
    unalerted = screening.positive and screening.alert_seconds is None
    probability = screening.probability
    return (
        screening.key,
        screening.label,
        "-" if probability is None else percent(probability),
        screening.finding or "MISSING",
        seconds(screening.record_seconds),
        "MISSING" if unalerted else seconds(screening.alert_seconds),
    )


def _line(cells: tuple[str, ...]) -> str:
    """Return one row; numbers are aligned to the right."""
    parts = [
        cell.rjust(width) if column in _RIGHT else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, _WIDTHS, strict=True))
    ]
    return " ".join(parts).rstrip()


def _table(done: list[Screening], total: int) -> Table:
    table = Table(
        box=SIMPLE_HEAD,
        padding=0,  # columns are separated by a space even so
        pad_edge=False,
        show_edge=False,
        caption=f"{len(done)} of {total} films screened; {_CAPTION}",
        caption_justify="left",
    )
    for column, name in enumerate(_COLUMNS):
        right = column in _RIGHT
        table.add_column(name, justify="right" if right else "left", no_wrap=column > 0)
    for screening in done:
        table.add_row(*(Text(cell, _STYLES.get(cell, "")) for cell in _cells(screening)))
    return table


def summary(screenings: list[Screening], elapsed: float) -> list[str]:
    """Return the demo's figures in sentences."""
    recorded = [each for each in screenings if each.record_seconds is not None]
    alerted = [each for each in screenings if each.alert_seconds is not None]
    lines = [
        f"{len(screenings)} films uploaded one after another in {elapsed:.1f} s: "
        f"{len(recorded)} records, {len(alerted)} alerts."
    ]
    for label in ("PNEUMONIA", "NORMAL"):
        labelled = [each for each in screenings if each.label == label]
        hits = sum(each.alert_seconds is not None for each in labelled)
        lines.append(f"Alerted: {hits} of {len(labelled)} films labelled {label}.")
    to_record = median([each.record_seconds for each in screenings])
    to_alert = median([each.alert_seconds for each in screenings])
    lines.append(
        f"Median from upload to record {seconds(to_record)}, from upload to "
        f"alert {seconds(to_alert)}."
    )
    return lines


def shortcomings(screenings: list[Screening]) -> list[str]:
    """Return the failures: uploads without a record, positives without an alert."""
    unrecorded = [each.key for each in screenings if each.record_seconds is None]
    unalerted = [each.key for each in screenings if each.positive and each.alert_seconds is None]
    lines = []
    if unrecorded:
        lines.append(f"No record of {_listed(unrecorded)}.")
    if unalerted:
        lines.append(f"No alert for {_listed(unalerted)}.")
    return lines


def _listed(keys: list[str]) -> str:
    shown = ", ".join(keys[:_LISTED])
    return shown if len(keys) <= _LISTED else f"{shown} and {len(keys) - _LISTED} more"


def percent(probability: float) -> str:
    """Return per cent, never "100.0 %": nothing is certain here."""
    return "> 99.9 %" if probability > 0.9994 else f"{100 * probability:.1f} %"


def seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"
