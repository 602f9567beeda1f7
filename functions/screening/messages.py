"""What the alerts say. Pure: records in, SNS messages out.

Programs get one message for each finding, people one for each batch, since SNS suspends an e-mail
subscription that gets more than about ten a second; the attribute `audience` and filter policies on
it keep the two apart on one topic. Never a diagnosis.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from screening.record import Record, attributes

# How the alert itself fares, and what was thought before, is nothing to tell.
_OURS = {"alert", "alerted", "claimed_by", "claimed_until", "earlier", "expires"}

NOT_A_DIAGNOSIS = (
    "A computer screened these X-rays. This is not a diagnosis: a doctor has to look at them."
)


@dataclass(frozen=True)
class Message:
    """One SNS message; `texts` holds a text for each protocol and `default` for the others.

    Attributes are numbers if Decimal, else text.
    """

    subject: str
    texts: dict[str, str]
    attributes: dict[str, str | Decimal]


def program_message(record: Record) -> Message:
    """Return the message for programs: the record as JSON, with what filter policies go by."""
    probability = record.judgement.probability
    if probability is None:
        raise ValueError("Only a film with a probability has an alert.")
    words = f"{_sentence(record)}: {printable(record.key)}"
    return Message(
        subject="Possible pneumonia: 1 film to review",
        texts={"default": json.dumps(_facts(record)), "email": words, "sms": words},
        attributes={
            "audience": "program",
            "finding": record.judgement.finding.value,
            "probability": probability,
        },
    )


def people_message(records: Sequence[Record]) -> Message:
    """Return the one message for people about all of `records`, the most probable first."""
    ranked = sorted(records, key=lambda record: record.judgement.probability or 0, reverse=True)
    if len(ranked) == 1:
        films, summary = "1 film", f"{_sentence(ranked[0])}."
        mail = [summary, *_details(ranked[0])]
    else:
        films = f"{len(ranked)} films"
        summary = f"Possible pneumonia in {films}, please review; highest {_odds(ranked[0])}."
        mail = [summary, ""]
        for record in ranked:
            mail += [_sentence(record), *_details(record)]
    mail.append(NOT_A_DIAGNOSIS)
    finding = ranked[0].judgement.finding.value
    facts = {"finding": finding, "films": [_facts(record) for record in ranked]}
    return Message(
        subject=f"Possible pneumonia: {films} to review",
        texts={
            "default": json.dumps(facts),
            "email": "\n".join(mail),
            "sms": summary,
        },
        attributes={"audience": "people", "finding": finding},
    )


def _sentence(record: Record) -> str:
    return f"Possible pneumonia, {_odds(record)}, please review"


def _details(record: Record) -> list[str]:
    return [
        f"  film      {printable(record.key)}",
        f"  bucket    {record.bucket}",
        f"  version   {record.version}",
        f"  uploaded  {record.uploaded}",
        *([f"  note      {record.facts.note}"] if record.facts and record.facts.note else []),
        "",
    ]


def _odds(record: Record) -> str:
    judgement = record.judgement
    return f"probability {percent(judgement.probability)} (cutoff {_exact(judgement.cutoff)})"


def percent(probability: Decimal | None) -> str:
    """Return whole per cent; never "100 %", since nothing is certain here."""
    whole = ((probability or Decimal(0)) * 100).quantize(Decimal(1), ROUND_HALF_UP)
    return "more than 99 %" if whole >= 100 else f"{whole} %"


def _exact(cutoff: Decimal) -> str:
    return f"{(cutoff * 100).normalize():f} %"


def printable(key: str) -> str:
    """Return the key with its control characters spelt out.

    In a mail its line breaks could pass for words of ours; on a terminal it could do worse.
    """
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in key)


def _facts(record: Record) -> dict[str, Any]:
    told = {"facts": record.facts.told} if record.facts else {}
    return told | {
        name: float(value) if isinstance(value, Decimal) else value
        for name, value in attributes(record).items()
        if name not in _OURS and name not in told
    }
