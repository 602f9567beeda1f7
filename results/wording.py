"""The wording that all forms of a result share."""

from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal

from screening.judgement import Finding, Judgement
from screening.precision import LocalPrecision, sentence
from screening.record import Record

PRODUCT = "CXR Alert"
MANUFACTURER = "CXR Alert project"
NOT_FOR_DIAGNOSIS = "Not for diagnosis: a screening result that a doctor has to confirm."


def previous(record: Record) -> Judgement | None:
    """Return the judgement that the record's last one replaces."""
    return record.earlier[-1] if record.earlier else None


def percent(share: Decimal) -> Decimal:
    """Return a share as percent, exactly."""
    return Decimal(f"{(share * 100).normalize():f}")


def shown(judgement: Judgement) -> tuple[str, str] | None:
    """Return probability and cutoff for people, e.g. 87.3 % and 10 %; None for a reject.

    The probability is cut, not rounded, to as many decimals as the cutoff has, and one at least: it
    must never appear to be on the other side of the cutoff.
    """
    if judgement.probability is None:
        return None
    cutoff = percent(judgement.cutoff)
    place = Decimal(1).scaleb(min(-1, int(cutoff.as_tuple().exponent)))
    return f"{percent(judgement.probability).quantize(place, ROUND_DOWN)} %", f"{cutoff} %"


def comments(record: Record, precision: LocalPrecision | None) -> list[str]:
    """Return the sentences that accompany a finding, the warning first."""
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
    """Return the time to the minute, e.g. 2026-11-27 04:30 UTC."""
    return f"{time_of(stamp):%Y-%m-%d %H:%M} UTC"


def time_of(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp).astimezone(UTC)
