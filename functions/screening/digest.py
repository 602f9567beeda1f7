"""Digests for people, made of alerts of single films. Pure.

SNS suspends an address that gets more than about ten mails a second. So people never get the
messages for programs: what has gathered becomes one message for the positives, one for the films to
be read without their score and one for the rejects. Never a diagnosis.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from itertools import groupby
from typing import Any

from screening.film_name import film_name
from screening.judgement import Finding
from screening.messages import NOT_A_DIAGNOSIS, Message, odds, printable
from screening.precision import LocalPrecision, sentence
from screening.sampling import POSITIVES_HIDDEN, drawn
from screening.upload import MalformedMessage

LISTED = 20  # films in one mail; the subject says how many there are
MOST_BYTES = 120_000  # of a digest's films as JSON; SNS takes 256 KB, all texts together
TO_READ = "TO_READ"  # the kind of films to be read without their score, whatever was found
_KINDS = (Finding.PNEUMONIA, TO_READ, Finding.REJECTED)  # in the order of the mails
_NEEDED = ("key", "version", "finding", "cutoff", "uploaded")


@dataclass(frozen=True)
class Alert:
    """One film of a message from the alerts topic, with the fields that people get.

    `blind` marks a film for a blinded reading: nothing that people get reveals its finding.
    """

    key: str
    version: str
    finding: Finding
    cutoff: Decimal
    uploaded: str
    probability: Decimal | None = None
    code: str | None = None
    reason: str | None = None
    note: str | None = None
    model: str | None = None
    blind: bool = False

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
    known = {name: facts[name] for name in _ATTRIBUTES if name in facts}
    try:
        finding = Finding(facts["finding"])
        cutoff = Decimal(facts["cutoff"])
        if finding is Finding.PNEUMONIA:
            known["probability"] = Decimal(facts["probability"])
    except (ArithmeticError, KeyError, TypeError, ValueError):
        raise MalformedMessage("The alert has a wrong finding, or a number out of range.") from None
    return Alert(**known | {"finding": finding, "cutoff": cutoff})


_ATTRIBUTES = [each.name for each in fields(Alert) if each.name != "blind"]


def blinded(alert: Alert, *, hides: bool) -> Alert:
    """Return the alert as people may get it, where the worklist `hides` some scores.

    A negative comes only if the worklist drew it to be read; some positives go with those.
    """
    negative = alert.finding is Finding.NORMAL
    hidden = hides and alert.finding is Finding.PNEUMONIA and drawn(alert.log_id, POSITIVES_HIDDEN)
    return replace(alert, blind=True, probability=None) if negative or hidden else alert


def kind(alert: Alert) -> str:
    """Return the subject of a digest of such alerts: a finding, or TO_READ."""
    return TO_READ if alert.blind else alert.finding.value


def digests(alerts: Iterable[Alert]) -> Iterator[list[Alert]]:
    """Sort alerts into digests: positives, most probable first, and rejects.

    Films for a blinded reading and rejects have digests of their own. A film that came twice is
    listed once.
    """
    ranked = sorted(dict.fromkeys(alerts), key=_rank)
    for _, same in groupby(ranked, key=kind):
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


def _rank(alert: Alert) -> tuple[int, Decimal, str]:
    return (
        _KINDS.index(kind(alert)),
        -(alert.probability or Decimal(0)),
        alert.uploaded,
    )


def network(digest: Sequence[Alert]) -> str | None:
    """Return the network that found all these positives, or None for several and for others."""
    models = {alert.model for alert in digest}
    return models.pop() if kind(digest[0]) == Finding.PNEUMONIA and len(models) == 1 else None


def digest_message(
    digest: Sequence[Alert],
    look_up: str,
    worklist: str = "",
    precision: LocalPrecision | None = None,
) -> Message:
    """Return the message for people about the films of one digest.

    `look_up` is the address where they can be looked up; without one it is that of the `worklist`,
    and without either the message says what to type. With a worklist each film has its link.
    `precision` is what readers confirmed of the last alerts of the films' network.
    """
    of = kind(digest[0])
    films = "1 film" if len(digest) == 1 else f"{len(digest)} films"
    if of == TO_READ:
        subject = f"{films} to read"
        summary = f"{films} to read without the score, which the worklist shows afterwards."
        listing = "look-up"
    elif of == Finding.PNEUMONIA:
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
    if of == Finding.PNEUMONIA and (confirmed := sentence(precision)):
        lines.append(confirmed)
    if of != Finding.REJECTED:
        lines.append(NOT_A_DIAGNOSIS)
    facts = {"finding": of, "films": [_facts(alert) for alert in digest]}
    return Message(
        subject=subject,
        texts={"default": json.dumps(facts), "email": "\n".join(lines), "sms": summary},
        attributes={"finding": of},
    )


def _positives(digest: Sequence[Alert], films: str) -> str:
    if len(digest) == 1:
        return f"Possible pneumonia, {odds(digest[0])}, please review."
    return f"Possible pneumonia in {films}, please review; highest {odds(digest[0])}."


def _details(alert: Alert, worklist: str) -> list[str]:
    detail = []
    if alert.finding is Finding.REJECTED:
        detail = [f"  reason    {printable(alert.reason or '')}"]
    elif not alert.blind:
        detail = [f"  found     {odds(alert)}"]
    name_there = film_name(alert.key, alert.version)
    note = [f"  note      {printable(alert.note)}"] if alert.note else []
    link = [f"  look at   {worklist}/#film/{name_there}"] if worklist else []
    return [
        f"  film      {printable(alert.key)}",
        *detail,
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
