"""The worklist for operators: open reviews, performance, and labelled films."""

import csv
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import boto3
from botocore.exceptions import ClientError

from cxr_alert.operate.application import Application
from imaging.bare import bare
from imaging.refusals import NotReadable
from screening.errors import Mistake
from screening.formats import Format, format_of
from screening.judgement import Finding
from screening.record import Record
from training.dataset.identity import Patient, patient_in, published
from training.dataset.private import FOLDER_MODE, write_private
from worklist.enlist import to_enlist
from worklist.rules.entry import Entry
from worklist.rules.overdue import overdue_since
from worklist.rules.performance import Case
from worklist.rules.performance_tables import Table, tables
from worklist.rules.review import Reading, majority
from worklist.tables.reviewed import read_cases
from worklist.tables.reviews_table import ReviewsTable
from worklist.tables.worklist_table import WorklistTable, read_entry

_GONE = {"NoSuchKey", "NoSuchVersion", "404", "MethodNotAllowed", "405"}
# The next film would be refused, too; other refusals may be due to this film's key or storage
# class.
_OF_EVERY_FILM = {
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "NoSuchBucket",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
}
_AT_ONCE = 8  # records entered concurrently; boto3's clients have ten connections
_PART = 1000  # records in memory
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
WAITING = ("to-review#PNEUMONIA", "to-review#HIDDEN")
_FOLDERS = {Reading.PNEUMONIA: "PNEUMONIA", Reading.NORMAL: "NORMAL"}


@dataclass(frozen=True)
class Unreviewed:
    """Positives without a review: how many, how many overdue, and since when."""

    films: int
    overdue: int
    oldest: str | None


@dataclass(frozen=True)
class Exported:
    films: int
    left_out: list[tuple[str, str]]  # a film's key, and why it was left out


def waiting(application: Application) -> Unreviewed:
    """Return the positives without a review, for `status`."""
    before = overdue_since(datetime.now(UTC), int(_settings(application, "Remind")["REVIEW_HOURS"]))
    worklist = _worklist(application)
    found = [
        entry
        for part in WAITING
        for entry in worklist.part(part, "0", "~")
        if entry.finding == Reading.PNEUMONIA
    ]
    overdue = sum(entry.uploaded < before for entry in found)
    return Unreviewed(len(found), overdue, min((each.uploaded for each in found), default=None))


def performance(application: Application, days: int, wanted: float) -> list[Table]:
    """Return the network's performance on films uploaded in the last `days`."""
    return tables(_cases(application, days), wanted)


def _cases(application: Application, days: int) -> list[Case]:
    until = datetime.now(UTC)
    since = until - timedelta(days=days)
    return read_cases(_worklist(application), _reviews(application), since, until)


def enlist_all(application: Application) -> Iterator[str]:
    """Enter every screening record into the worklist; yield the key of each.

    This is for records from before the worklist was deployed, or set aside by its stream: those are
    counted as entered from here on. If a record still fails, its error is raised.
    """
    application.sqs.purge_queue(QueueUrl=application.outputs["NotEnlistedQueueUrl"])
    share = Decimal(_settings(application, "Enlist")["SAMPLE_SHARE"])
    worklist = _worklist(application)

    def enter(record: Record) -> str:
        for each, versions in to_enlist(record, application.screenings.of_key):
            worklist.enlist(each, share, versions)
        return record.key

    # The list has repeated films under their earlier version.
    records = (record for record in application.screenings.all() if not record.repeats)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        # In chunks, since a pool's map would read the whole table first.
        while part := list(islice(records, _PART)):
            yield from pool.map(enter, part)


def export(application: Application, out: Path) -> Exported:
    """Write the reviewed films with readers' labels as a folder for `prepare`.

    `out` gets NORMAL/, PNEUMONIA/ and reviews.csv, readable by its owner only. The films contain
    pixels and no metadata; their names let `prepare` group films of a patient without naming the
    patient. Only reviews.csv has the keys. Films that were rejected or set aside, films on which
    readers were unsure or disagreed, and films that are gone or can't be read, are left out and
    listed.
    """
    if out.exists() and any(out.iterdir()):
        raise Mistake(f"{out} is not empty; name a new folder.")
    for folder in _FOLDERS.values():
        (out / folder).mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    rows, left_out = [], []
    for item in _scan_items(application, "WorklistTableName"):
        entry = read_entry(item)
        if not entry.readings:
            continue
        if entry.finding == Finding.REJECTED or Reading.SET_ASIDE in entry.readings.values():
            left_out.append((entry.key, "it was not screened, or a reader set it aside"))
            continue
        truth = majority(entry.readings)
        if truth is None:
            left_out.append((entry.key, "readers were unsure or disagreed"))
            continue
        try:
            film = _film(application, entry)
            pixels = bare(film)
        except (_NotExported, NotReadable) as why:
            left_out.append((entry.key, str(why)))
            continue
        name = f"{_FOLDERS[truth]}/{_file_name(entry, film, pixels)}"
        write_private(out / name, pixels)
        rows.append((name, entry.key, entry.version, truth, entry.probability, entry.model))
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(("file", "key", "version", "label", "probability", "model"))
    writer.writerows([_cell(value) for value in row] for row in sorted(rows, key=_first))
    write_private(out / "reviews.csv", table.getvalue().encode(errors="backslashreplace"))
    return Exported(len(rows), left_out)


def _first(row: tuple[Any, ...]) -> str:
    return str(row[0])


def _cell(value: object) -> str:
    """Return the value as text that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _file_name(entry: Entry, film: bytes, pixels: bytes) -> str:
    """Return a unique name by the film's hash, from which `prepare` knows films of one patient."""
    own = published(PurePosixPath(entry.key).name)
    patient = patient_in(io.BytesIO(film)) if format_of(film) is Format.DICOM else None
    who = (patient or own or Patient(0, "", 0, entry.film)).file_name
    suffix = "jpeg" if format_of(pixels) is Format.JPEG else "png"
    return f"{who}-{int(entry.film[:12], 16)}.{suffix}"


class _NotExported(Exception):
    """The reason why a film is left out."""


def _film(application: Application, entry: Entry) -> bytes:
    which: Any = {} if "#" in entry.version else {"VersionId": entry.version}
    try:
        found = application.s3.get_object(
            Bucket=application.outputs["UploadsBucketName"], Key=entry.key, **which
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _OF_EVERY_FILM:
            raise
        gone = "the film was deleted"
        raise _NotExported(
            gone if code in _GONE else f"S3 refused to return the film: {code}"
        ) from None
    return found["Body"].read()


def _worklist(application: Application) -> WorklistTable:
    return WorklistTable(application.dynamodb, application.outputs["WorklistTableName"])


def _reviews(application: Application) -> ReviewsTable:
    return ReviewsTable(application.dynamodb, application.outputs["ReviewsTableName"])


def _settings(application: Application, function: str) -> dict[str, str]:
    """Return the settings that a function of the worklist was deployed with."""
    client: Any = boto3.client("lambda")
    name = application.outputs[f"{function}FunctionName"]
    found: dict[str, str] = client.get_function_configuration(FunctionName=name)["Environment"][
        "Variables"
    ]
    return found


def _scan_items(application: Application, output: str) -> Iterator[dict[str, Any]]:
    pages = application.dynamodb.get_paginator("scan").paginate(
        TableName=application.outputs[output]
    )
    for page in pages:
        yield from page["Items"]
