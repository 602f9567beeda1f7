"""Digests for people, made of alerts of single films. Pure.

SNS suspends an address that gets more than about ten mails a second. So people do not get the
messages for programs: collected alerts become one message for the positives and one for the
rejects. They never state a diagnosis.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from itertools import groupby
from typing import Any

from screening.film_name import film_name
from screening.judgement import Finding
from screening.messages import NOT_A_DIAGNOSIS, Message, odds, printable
from screening.upload import MalformedMessage

LISTED = 20  # films listed in one mail; the subject has the total
MOST_BYTES = 120_000  # limit of a digest's films as JSON; SNS accepts 256 KB for all texts together
_NEEDED = ("key", "version", "finding", "cutoff", "uploaded")


@dataclass(frozen=True)
class Alert:
    """One film of the alerts topic, with the fields that people see."""

    key: str
    version: str
    finding: Finding
    cutoff: Decimal
    uploaded: str
    probability: Decimal | None = None
    code: str | None = None
    reason: str | None = None
    note: str | None = None

    @property
    def log_id(self) -> str:
        return film_name(self.key, self.version)


def read_alert(body: str) -> Alert:
    """Return the alert in a message of the alerts topic."""
    try:
        facts: Any = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise MalformedMessage("The message is not JSON.") from None
    if not isinstance(facts, dict) or not all(facts.get(name) for name in _NEEDED):
        raise MalformedMessage(f"The alert lacks one of {', '.join(_NEEDED)}.")
    known = {each.name: facts[each.name] for each in fields(Alert) if each.name in facts}
    try:
        finding = Finding(facts["finding"])
        cutoff = Decimal(facts["cutoff"])
        if finding is Finding.PNEUMONIA:
            known["probability"] = Decimal(facts["probability"])
    except (ArithmeticError, KeyError, TypeError, ValueError):
        raise MalformedMessage("The alert has a wrong finding, or a number out of range.") from None
    return Alert(**known | {"finding": finding, "cutoff": cutoff})


def digests(alerts: Iterable[Alert]) -> Iterator[list[Alert]]:
    """Sort alerts into digests: positives, most probable first, and rejects.

    A film that was delivered twice is listed once.
    """
    ranked = sorted(dict.fromkeys(alerts), key=_rank)
    for _, same in groupby(ranked, key=lambda alert: alert.finding):
        digest: list[Alert] = []
        size = 0
        for alert in same:
            weight = len(json.dumps(_facts(alert)))
            if digest and size + weight > MOST_BYTES:
                yield digest
                digest, size = [], 0
            digest.append(alert)
            size += weight
        yield digest


def _rank(alert: Alert) -> tuple[bool, Decimal, str]:
    return (
        alert.finding is not Finding.PNEUMONIA,
        -(alert.probability or Decimal(0)),
        alert.uploaded,
    )


def digest_message(digest: Sequence[Alert], look_up: str, worklist: str = "") -> Message:
    """Return the message for people about the films of one digest.

    `look_up` is the address where films can be looked up; without it, the `worklist` is used;
    without both, the message names the command to type. With a worklist, each film has a link.
    """
    finding = digest[0].finding
    films = "1 film" if len(digest) == 1 else f"{len(digest)} films"
    if finding is Finding.PNEUMONIA:
        subject = f"Possible pneumonia: {films} to review"
        summary = _positives(digest, films)
        listing = "positives"
    else:
        subject = f"Not screened: {films}"
        summary = f"{films} could not be screened; somebody has to look at them."
        listing = "rejects"
    lines = [summary, ""]
    for alert in digest[:LISTED]:
        lines += _details(alert, worklist)
    if len(digest) > LISTED:
        lines += [f"And {len(digest) - LISTED} more.", ""]
    lines.append(f"Look them up: {look_up or worklist or f'cxr-alert {listing}'}")
    if finding is Finding.PNEUMONIA:
        lines.append(NOT_A_DIAGNOSIS)
    facts = {"finding": finding.value, "films": [_facts(alert) for alert in digest]}
    return Message(
        subject=subject,
        texts={"default": json.dumps(facts), "email": "\n".join(lines), "sms": summary},
        attributes={"finding": finding.value},
    )


def _positives(digest: Sequence[Alert], films: str) -> str:
    if len(digest) == 1:
        return f"Possible pneumonia, {odds(digest[0])}, please review."
    return f"Possible pneumonia in {films}, please review; highest {odds(digest[0])}."


def _details(alert: Alert, worklist: str) -> list[str]:
    rejected = alert.finding is Finding.REJECTED
    name, said = ("reason  ", alert.reason or "") if rejected else ("found   ", odds(alert))
    name_there = film_name(alert.key, alert.version)
    note = [f"  note      {printable(alert.note)}"] if alert.note else []
    link = [f"  look at   {worklist}/#film/{name_there}"] if worklist else []
    return [
        f"  film      {printable(alert.key)}",
        f"  {name}  {printable(said)}",
        f"  uploaded  {alert.uploaded}",
        f"  version   {alert.version}",
        *note,
        *link,
        "",
    ]


def _facts(alert: Alert) -> dict[str, str | float]:
    facts = {
        "key": alert.key,
        "version": alert.version,
        "probability": None if alert.probability is None else float(alert.probability),
        "code": alert.code,
    }
    return {name: value for name, value in facts.items() if value is not None}
