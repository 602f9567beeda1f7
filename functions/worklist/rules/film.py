"""The facts, judgement and history that the page shows beside a film. Pure."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from screening.precision import LocalPrecision, sentence
from screening.record import Record, attributes
from worklist.rules.entry import Entry
from worklist.rules.listing import LATER, row
from worklist.rules.review import Review, as_shown

# Before a blinded reading the reader sees these facts only.
_NEUTRAL = ("uploaded", "size", "facts", "note")
_SHOWN = (*_NEUTRAL, "classified", "model", "variant", "reason", "gate", "earlier", "alert")


def pacs_link(template: str, accession: str | None) -> str | None:
    """Return the address of the film's study in the PACS, if study and PACS are known."""
    if not template or not accession:
        return None
    return template.replace("{}", quote(accession, safe=""))


def film(
    entry: Entry,
    record: Record | None,
    reviews: Sequence[Review],
    reader: str,
    *,
    study: Sequence[Entry] = (),
    pacs: str = "",
    precision: LocalPrecision | None = None,
    at: str = LATER,
) -> dict[str, Any]:
    """Return the film's facts, judgement and history, without those still hidden from the reader.

    `study` are the films of its study, `pacs` is the template of links into the PACS, `precision`
    the network's local precision.
    """
    hides = entry.hides_score_from(reader)
    names = _NEUTRAL if hides else _SHOWN
    shown = [review for review in reviews if not hides or review.reader == reader]
    facts = {} if record is None else attributes(record)  # the record may have expired
    return row(entry, reader, at) | {
        "answers": entry.classified,
        "pacs": pacs_link(pacs, entry.accession),
        "precision": None if hides or entry.finding != "PNEUMONIA" else sentence(precision),
        "others": [row(each, reader, at) for each in study if each.film != entry.film],
        "record": {name: plain(facts[name]) for name in names if name in facts},
        "reviews": [as_shown(review) for review in shown],
    }


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Convert a value from DynamoDB into one that JSON can hold."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    return value
