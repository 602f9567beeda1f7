"""JSON Schemas of the record and of the messages, made from the types that the code writes."""

import types
from collections.abc import Collection
from dataclasses import MISSING, Field, fields
from enum import StrEnum
from typing import Any, Union, get_args, get_origin, get_type_hints

from screening.facts import UNTOLD, Facts
from screening.judgement import Finding, Judgement
from screening.messages import WITHHELD
from screening.precision import LocalPrecision
from screening.record import Record
from screening.result import ResultRequest

Schema = dict[str, Any]

_STAMP = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
_TIMES = {"uploaded", "classified", "alerted", "claimed_until", "judged"}
_SHARES = {"probability", "cutoff", "low", "high"}

# One sentence for each name; a name without one can't be published.
MEANINGS = {
    "key": "Object key of the film in the uploads bucket.",
    "version": "Version of the object; key and version name one upload.",
    "bucket": "Uploads bucket.",
    "etag": "ETag that S3 gave the version.",
    "size": "Size of the film in bytes.",
    "uploaded": "Time of the upload, in UTC.",
    "digest": "SHA-256 of the bytes of the upload, if they were read.",
    "same_as": "Earlier version under the same key that has the same bytes.",
    "alert": "State of the alert.",
    "alerted": "Time at which the alert was marked as sent, in UTC.",
    "claimed_by": "Invocation that is sending the alert.",
    "claimed_until": "Time at which another invocation may send the alert, in UTC.",
    "expires": "Time after which DynamoDB may delete the record.",
    "earlier": "Judgements before the last one, the oldest first.",
    "note": "Sentence to show beside the finding.",
    "facts": "What the DICOM file says about the film.",
    "finding": "Result of the screening.",
    "cutoff": "Probability from which a film is positive.",
    "classified": "Time of the judgement, in UTC.",
    "probability": "Probability of pneumonia; a rejected film has none.",
    "model": "Name of the network.",
    "variant": "Production variant of the endpoint.",
    "reason": "Why the film was rejected, and what to do, for people.",
    "code": "Why the film was rejected, for programs.",
    "gate": "`off` if the film was judged without the gate.",
    "map": "Saliency map: two digits for each cell of a square grid, row by row; 99 is the most.",
    "modality": "Modality.",
    "rendering": "Steps by which the rendition was made.",
    "study_uid": "Study Instance UID.",
    "series_uid": "Series Instance UID.",
    "instance_uid": "SOP Instance UID.",
    "accession_number": "Accession number.",
    "view": "View position.",
    "body_part": "Body part.",
    "age": "Age of the patient, for example 004Y.",
    "judged": "Time of the judgement that the message is about, in UTC.",
    "precision": "How many of the last alerts of the network local readers confirmed.",
    "confirmed": "Alerts that readers confirmed.",
    "of": "Alerts that readers reviewed.",
    "low": "Lower bound of the 95 % interval.",
    "high": "Upper bound of the 95 % interval.",
}


def record() -> Schema:
    """Return the schema of the flat record: the table's item, and `look-up --json`."""
    judgement, facts = _properties(Judgement), _object(_properties(Facts))
    own = _properties(Record, without=("judgement", "claim", "earlier", "facts"))
    # In the table, the time to live is in epoch seconds; elsewhere it is a time.
    own["expires"] = _described("expires", {"type": ["integer", "string"]})
    more = {
        "note": _described("note", {"type": "string"}),
        "claimed_by": _described("claimed_by", {"type": "string"}),
        "claimed_until": _described("claimed_until", _time()),
        "facts": _described("facts", facts),
        "earlier": _described("earlier", {"type": "array", "items": _judgement(judgement)}),
    }
    needed = _needed(Record, without=("judgement",)) + _needed(Judgement)
    return _titled("Screening record", _by_finding(own | judgement | more, needed))


def alert() -> Schema:
    """Return the schema of a message of the alerts topic and of the people queue."""
    whole = record()
    named = {name: each for name, each in whole["properties"].items() if name not in WITHHELD}
    named["facts"] = _described("facts", _object(_properties(Facts, without=UNTOLD)))
    named["finding"] = named["finding"] | {"enum": ["PNEUMONIA", "REJECTED"]}
    needed = [name for name in whole["required"] if name not in WITHHELD]
    return _titled("Alert", _by_finding(named, needed))


def result() -> Schema:
    """Return the schema of a message of the results queue."""
    properties = _properties(ResultRequest, without=("precision",))
    precision = _object(_properties(LocalPrecision), _needed(LocalPrecision))
    properties["precision"] = _described("precision", precision)
    return _titled("Result", _object(properties, _needed(ResultRequest)))


def _judgement(properties: Schema) -> Schema:
    return _by_finding(properties, _needed(Judgement))


def _by_finding(properties: Schema, needed: list[str]) -> Schema:
    """Return an object that requires reason and code for a reject, and a probability otherwise."""
    return _object(properties, needed) | {
        "if": {"properties": {"finding": {"const": Finding.REJECTED.value}}},
        "then": {"required": ["reason", "code"], "properties": {"probability": False}},
        "else": {"required": ["probability"], "properties": {"reason": False, "code": False}},
    }


def _titled(title: str, schema: Schema) -> Schema:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **schema,
    }


def _object(properties: Schema, needed: list[str] | None = None) -> Schema:
    return {
        "type": "object",
        "required": sorted(needed or []),
        "additionalProperties": False,
        "properties": dict(sorted(properties.items())),
    }


def _properties(kind: type, without: Collection[str] = ()) -> Schema:
    hints = get_type_hints(kind)
    return {
        each.name: _described(each.name, _of_type(each.name, hints[each.name]))
        for each in _fields(kind, without)
    }


def _needed(kind: type, without: Collection[str] = ()) -> list[str]:
    return [
        each.name
        for each in _fields(kind, without)
        if each.default is MISSING and each.default_factory is MISSING
    ]


def _fields(kind: type, without: Collection[str]) -> list[Field[Any]]:
    return [each for each in fields(kind) if each.name not in without]


def _of_type(name: str, kind: Any) -> Schema:
    if get_origin(kind) in (Union, types.UnionType):
        (kind,) = (each for each in get_args(kind) if each is not type(None))
    if issubclass(kind, StrEnum):
        return {"type": "string", "enum": [each.value for each in kind]}
    if name in _SHARES:
        return {"type": "number", "minimum": 0, "maximum": 1}
    if name in _TIMES:
        return _time()
    return {"type": "integer", "minimum": 0} if kind is int else {"type": "string"}


def _time() -> Schema:
    return {"type": "string", "pattern": _STAMP}


def _described(name: str, schema: Schema) -> Schema:
    return {"description": MEANINGS[name], **schema}


SCHEMAS = {"record": record, "alert": alert, "result": result}
