"""The alert messages for programs: one for each positive and each reject. Pure.

People get digests made of them, see digest.py. They never state a diagnosis.
"""

import json
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Protocol

from screening.judgement import Finding
from screening.record import Record
from screening.record import attributes as flat
from screening.refusals import Code
from screening.upload import is_backfill_key

# Alerts contain neither their own state nor earlier judgements.
WITHHELD = {"alert", "alerted", "claimed_by", "claimed_until", "digest", "earlier", "expires"}

NOT_A_DIAGNOSIS = (
    "A computer screened these X-rays. This is not a diagnosis: a doctor has to look at them."
)


class _Judged(Protocol):
    @property
    def cutoff(self) -> Decimal: ...
    @property
    def probability(self) -> Decimal | None: ...


@dataclass(frozen=True)
class Message:
    """One SNS message; `texts` has one text per protocol, and `default` for the others.

    Attributes are numbers if Decimal, else text.
    """

    subject: str
    texts: dict[str, str]
    attributes: dict[str, str | Decimal]


def alert_message(record: Record) -> Message:
    """Return the message about one film: its record as JSON, and attributes for filtering."""
    judgement = record.judgement
    attributes: dict[str, str | Decimal] = {"finding": judgement.finding.value}
    if judgement.finding is Finding.REJECTED:
        subject = "Not screened: 1 film"
        words = f"Not screened: {printable(judgement.reason or '')}"
        attributes["code"] = judgement.code or Code.UNREADABLE
    else:
        subject = "Possible pneumonia: 1 film to review"
        words = f"Possible pneumonia, {odds(judgement)}, please review"
        attributes["probability"] = judgement.probability or Decimal(0)
    if is_backfill_key(record.key):
        attributes["backfill"] = "yes"  # the people queue does not accept these
    words = f"{words}: {printable(record.key)}"
    return Message(
        subject=subject,
        texts={"default": alert_body(record), "email": words, "sms": words},
        attributes=attributes,
    )


def alert_body(record: Record) -> str:
    """Return the body of the alert about a record, as JSON."""
    return json.dumps(_facts(record))


def odds(judged: _Judged) -> str:
    cutoff = f"{(judged.cutoff * 100).normalize():f} %"
    return f"probability {percent(judged.probability)} (cutoff {cutoff})"


def percent(probability: Decimal | None) -> str:
    """Return whole per cent; never "100 %", since nothing is certain here."""
    whole = ((probability or Decimal(0)) * 100).quantize(Decimal(1), ROUND_HALF_UP)
    return "more than 99 %" if whole >= 100 else f"{whole} %"


def printable(key: str) -> str:
    """Return the key with its control characters escaped.

    In a mail, line breaks in a key could look like sentences of ours; on a terminal, control
    characters could do harm.
    """
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in key)


def _facts(record: Record) -> dict[str, Any]:
    known = {"facts": record.facts.known} if record.facts else {}
    return known | {
        name: float(value) if isinstance(value, Decimal) else value
        for name, value in flat(record).items()
        if name not in WITHHELD and name not in known
    }
