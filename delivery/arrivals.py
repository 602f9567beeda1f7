"""Find children's chest films in the PACS that have no result there, with the reasons.

This is the counterpart of `reconcile`: it asks the PACS by QIDO-RS what it holds, and does not rely
on its answers to stored instances.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aws.screenings_table import Screenings
from delivery.dicomweb import find
from delivery.web import WebClient
from intake.bucket import object_key
from results import capture, report
from results.identifiers import result_id, series_uid, uid
from screening.clock import stamp
from screening.facts import ADULT_YEARS
from screening.judgement import Finding
from screening.record import Record
from screening.result import ResultRequest, result_request

_KINDS = (report.KIND, capture.KIND)
_MODALITIES = frozenset({"DX", "CR"})
_CHEST = re.compile("CHEST|THORAX|LUNG|RIB|STERNUM", re.IGNORECASE)
_MARGIN = timedelta(days=1)  # tolerance between the PACS's clock and ours, and for its time zone

NO_RECORD = "the film was never screened"
NOT_THERE = "its result is not in the PACS"


@dataclass(frozen=True)
class Film:
    """One film in the PACS; `time` is its study's, as stored in the PACS."""

    study_uid: str
    instance_uid: str
    time: str
    accession_number: str


@dataclass(frozen=True)
class Missing:
    """A film without its result in the PACS, and the reason.

    `request` is the message that delivers the result again, if the film was screened.
    """

    film: Film
    reason: str
    request: ResultRequest | None


@dataclass(frozen=True)
class Span:
    """The films of studies since `since`; results found after `until` may still be on their way."""

    since: datetime
    until: datetime


def span(now: datetime, days: int, grace_minutes: int) -> Span:
    return Span(now - timedelta(days=days), now - timedelta(minutes=grace_minutes))


def missing(
    client: WebClient,
    screenings: Screenings,
    within: Span,
    derived: Callable[[str], str] | None = None,
) -> Iterator[Missing]:
    """Yield each film of the span without its result; raise Away, Refused and AWS's own errors.

    `derived` returns the UID in the bucket of a film with its identity kept on site.
    """
    records = _records(screenings, within.since - _MARGIN)
    films = _films(client, within)
    for study in dict.fromkeys(film.study_uid for film in films):
        there = _results_there(client, study)
        for film in (each for each in films if each.study_uid == study):
            record = _record_of(film.instance_uid, records)
            if record is None and derived:
                record = _record_of(derived(film.instance_uid), records)
            if record is None:
                if film.time < within.until.strftime("%Y%m%d%H%M%S"):
                    yield Missing(film, NO_RECORD, None)
            elif record.judgement.classified < stamp(within.until) and not (
                _expected(film, record) <= there
            ):
                yield Missing(film, NOT_THERE, result_request(record))


def _records(screenings: Screenings, since: datetime) -> dict[str, Record]:
    """Return the records since then, by their film's SOP instance UID and by their key's end."""
    found: dict[str, Record] = {}
    for finding in Finding:
        for record in screenings.since(finding, stamp(since)):
            names = [record.key.rpartition("/")[2]]
            if record.facts and record.facts.instance_uid:
                names.append(record.facts.instance_uid)
            for name in names:
                other = found.get(name)
                if other is None or other.judgement.classified < record.judgement.classified:
                    found[name] = record
    return found


def _record_of(instance_uid: str, records: Mapping[str, Record]) -> Record | None:
    by_key = object_key("", instance_uid)  # the key that `receive` writes
    return records.get(instance_uid) or records.get(by_key)


def _expected(film: Film, record: Record) -> set[str]:
    return {uid(result_id(kind, film.instance_uid, record.judgement)) for kind in _KINDS}


def _films(client: WebClient, within: Span) -> list[Film]:
    """Return the chest films of children, one per instance.

    Patients of unknown age are included.
    """
    first, last = within.since - _MARGIN, within.until + _MARGIN
    found: dict[str, Film] = {}
    # By date only: with a query by modality, Orthanc loses all results after the first page.
    query = {
        "StudyDate": f"{first:%Y%m%d}-{last:%Y%m%d}",
        "includefield": "PatientBirthDate,ModalitiesInStudy",
    }
    for study in find(client, "/studies", query):
        modalities = study.get("00080061", {}).get("Value") or _MODALITIES
        if _is_adult(study) or _MODALITIES.isdisjoint(modalities):
            continue
        path = f"/studies/{_text(study, '0020000D')}/series"
        for series in find(client, path, {"includefield": "BodyPartExamined"}):
            part = _text(series, "00180015")
            if _text(series, "00080060") in _MODALITIES and (not part or _CHEST.search(part)):
                for film in _of_series(client, study, _text(series, "0020000E")):
                    found[film.instance_uid] = film
    return list(found.values())


def _of_series(client: WebClient, study: Mapping[str, Any], series: str) -> Iterator[Film]:
    study_uid = _text(study, "0020000D")
    time = _text(study, "00080020") + _text(study, "00080030").partition(".")[0].ljust(6, "0")
    for instance in find(client, f"/studies/{study_uid}/series/{series}/instances", {}):
        yield Film(study_uid, _text(instance, "00080018"), time, _text(study, "00080050"))


def _results_there(client: WebClient, study: str) -> set[str]:
    found: set[str] = set()
    for kind in _KINDS:
        path = f"/studies/{study}/series/{series_uid(kind, study)}/instances"
        found |= {_text(each, "00080018") for each in find(client, path, {})}
    return found


def _is_adult(study: Mapping[str, Any]) -> bool:
    try:
        born, taken = (
            datetime.strptime(_text(study, tag), "%Y%m%d")  # noqa: DTZ007 - dates, both local
            for tag in ("00100030", "00080020")
        )
    except ValueError:
        return False
    return (taken - born).days >= ADULT_YEARS * 365.25


def _text(found: Mapping[str, Any], tag: str) -> str:
    values = found.get(tag, {}).get("Value") or [""]
    return str(values[0])
