"""What every form of a result says in words; each form then lays it out."""

from datetime import UTC, datetime
from decimal import Decimal

from results.precision import LocalPrecision, sentence
from screening.judgement import Finding, Judgement
from screening.record import Record

PRODUCT = "CXR Alert"
MANUFACTURER = "CXR Alert project"
NOT_FOR_DIAGNOSIS = "Not for diagnosis: a screening result that a doctor has to confirm."


def previous(record: Record) -> Judgement | None:
    """Return the judgement that the record's last one replaces."""
    return record.earlier[-1] if record.earlier else None


def percent(probability: Decimal) -> str:
    """Return such as 87.3 or 100: what is shown as below a cutoff must never look as if it met it.

    So figures are cut, not rounded, to one place, and to the places needed below 0.1 %.
    """
    hundredfold = probability * 100
    cut = int(hundredfold * 10) / Decimal(10)
    return f"{(cut or hundredfold).normalize():f}"


def comments(record: Record, precision: LocalPrecision | None) -> list[str]:
    """Return the sentences that stand beside a finding, the warning first."""
    judgement, replaced = record.judgement, previous(record)
    found = [NOT_FOR_DIAGNOSIS]
    if judgement.finding is Finding.REJECTED:
        found.append(f"This film was not screened. {judgement.reason or ''}".strip())
    elif record.facts and record.facts.note:
        found.append(record.facts.note)
    if judgement.finding is Finding.PNEUMONIA and (line := sentence(precision)):
        found.append(line)
    if replaced:
        found.append(
            f"It replaces the result {replaced.finding.value} of {minute(replaced.classified)}."
        )
    return found


def minute(stamp: str) -> str:
    """Return such as 2026-11-27 04:30 UTC."""
    return f"{time_of(stamp):%Y-%m-%d %H:%M} UTC"


def time_of(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp).astimezone(UTC)
