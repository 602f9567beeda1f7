"""Which judgement a message of the results queue tells of. Pure; no message holds a patient."""

import json
from dataclasses import asdict, dataclass, replace

from screening.film_name import film_name
from screening.precision import LocalPrecision, precision_from
from screening.record import Record
from screening.upload import MalformedMessage

_NAMES = ("key", "version", "judged")


@dataclass(frozen=True)
class Told:
    """One judgement of one upload: `judged` is the time at which it was found, a stamp.

    `precision` is what local readers had confirmed of its network by then. It is part of the
    message, so that a result that is built again says the same.
    """

    key: str
    version: str
    judged: str
    precision: LocalPrecision | None = None

    @property
    def log_id(self) -> str:
        return film_name(self.key, self.version)


def judgement_to_tell(record: Record) -> Told | None:
    """Return the record's last judgement, or None where hospitals are told nothing of it.

    A test film is nobody's. What repeats an earlier version was told of with that one.
    """
    if record.upload.is_check or record.repeats:
        return None
    return Told(record.key, record.version, record.judgement.classified)


def written(told: Told) -> str:
    """Return the message's body."""
    return json.dumps({name: value for name, value in asdict(told).items() if value is not None})


def read_told(body: str) -> Told:
    """Return what a message tells of; raise MalformedMessage for anything else."""
    try:
        facts = json.loads(body)
        values = {name: facts[name] for name in _NAMES}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise MalformedMessage(f"The message is no JSON with {', '.join(_NAMES)}.") from None
    if not all(isinstance(value, str) and value for value in values.values()):
        raise MalformedMessage(f"One of {', '.join(_NAMES)} is no text.")
    return Told(**values, precision=precision_from(facts.get("precision")))


def as_judged(record: Record, judged: str) -> Record | None:
    """Return the record as it was when that judgement was its last; None where it has none such.

    A film that was screened again meanwhile still has its first result told, then the second.
    """
    if record.judgement.classified == judged:
        return record
    for number, judgement in enumerate(record.earlier):
        if judgement.classified == judged:
            return replace(record, judgement=judgement, earlier=record.earlier[:number])
    return None
