"""A message of the results queue: which judgement to deliver. Pure; it contains no patient data."""

import json
from dataclasses import asdict, dataclass, replace

from screening.film_name import film_name
from screening.precision import LocalPrecision, precision_from
from screening.record import Record
from screening.upload import MalformedMessage

_NAMES = ("key", "version", "judged")


@dataclass(frozen=True)
class ResultRequest:
    """One judgement of one upload; `judged` is the time of the finding, a stamp.

    `precision` is the network's local precision at that time. It is part of the message, so that
    building a result twice gives the same result.
    """

    key: str
    version: str
    judged: str
    precision: LocalPrecision | None = None

    @property
    def log_id(self) -> str:
        return film_name(self.key, self.version)


def result_request(record: Record) -> ResultRequest | None:
    """Return the record's last judgement, or None if hospitals do not get it as a result.

    Test films have no result. A repeated film is covered by the result of the earlier version.
    """
    if record.upload.is_check or record.repeats:
        return None
    return ResultRequest(record.key, record.version, record.judgement.classified)


def written(request: ResultRequest) -> str:
    """Return the body of the message."""
    return json.dumps({name: value for name, value in asdict(request).items() if value is not None})


def read_result_request(body: str) -> ResultRequest:
    """Return the content of a message; raise MalformedMessage for anything else."""
    try:
        facts = json.loads(body)
        values = {name: facts[name] for name in _NAMES}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise MalformedMessage(f"The message is not JSON with {', '.join(_NAMES)}.") from None
    if not all(isinstance(value, str) and value for value in values.values()):
        raise MalformedMessage(f"One of {', '.join(_NAMES)} is not text.")
    return ResultRequest(**values, precision=precision_from(facts.get("precision")))


def as_judged(record: Record, judged: str) -> Record | None:
    """Return the record as it was after that judgement, or None if it has no such judgement.

    If a film was rescreened meanwhile, its first result is still delivered, then the second.
    """
    if record.judgement.classified == judged:
        return record
    for number, judgement in enumerate(record.earlier):
        if judgement.classified == judged:
            return replace(record, judgement=judgement, earlier=record.earlier[:number])
    return None
