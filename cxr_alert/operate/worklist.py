"""The worklist as its operator sees it: what waits, what it was worth, what it taught."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from cxr_alert.operate.application import Application
from screening.errors import Mistake
from worklist.rules.entry import Entry
from worklist.rules.overdue import overdue_since
from worklist.rules.performance import Case
from worklist.rules.performance_tables import Table, tables
from worklist.rules.review import Reading
from worklist.tables.reviewed import read_cases
from worklist.tables.reviews_table import ReviewsTable
from worklist.tables.worklist_table import WorklistTable, read_entry

WAITING = ("to-review#PNEUMONIA", "to-review#HIDDEN")
_FOLDERS = {Reading.PNEUMONIA: "PNEUMONIA", Reading.NORMAL: "NORMAL"}


@dataclass(frozen=True)
class Unreviewed:
    """Positives that nobody has reviewed: how many, how many too long, and since when."""

    films: int
    overdue: int
    oldest: str | None


@dataclass(frozen=True)
class Exported:
    films: int
    left_out: list[tuple[str, str]]  # a film's key, and why it was left out


def waiting(application: Application) -> Unreviewed:
    """Return what waits for a review, for `status`."""
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
    """Return what the network was worth, on films uploaded in the last `days`."""
    return tables(_cases(application, days), wanted)


def _cases(application: Application, days: int) -> list[Case]:
    until = datetime.now(UTC)
    since = until - timedelta(days=days)
    return read_cases(_worklist(application), _reviews(application), since, until)


def enlist_all(application: Application) -> Iterator[str]:
    """Enter every screening record into the worklist; yield the key of each.

    For records from before the worklist was deployed, or set aside by its stream: those are counted
    as entered from here on, and one that still fails ends this with its error.
    """
    application.sqs.purge_queue(QueueUrl=application.outputs["NotEnlistedQueueUrl"])
    share = Decimal(_settings(application, "Enlist")["SAMPLE_SHARE"])
    worklist = _worklist(application)
    for record in application.screenings.all():
        worklist.enlist(record, share)
        yield record.key


def export(application: Application, out: Path) -> Exported:
    """Write the reviewed films with readers' labels as a folder that `prepare` takes.

    `out` gets NORMAL/, PNEUMONIA/ and reviews.csv. Films on which readers were unsure or divided,
    and those that are gone, are left out and named.
    """
    if out.exists() and any(out.iterdir()):
        raise Mistake(f"{out} is not empty; name a new folder.")
    for folder in _FOLDERS.values():
        (out / folder).mkdir(parents=True, exist_ok=True)
    rows, left_out = [], []
    for item in _scan_items(application, "WorklistTableName"):
        entry = read_entry(item)
        if not entry.readings:
            continue
        truth = _truth(entry)
        if truth is None:
            left_out.append((entry.key, "readers were unsure or divided"))
            continue
        body = _film(application, entry)
        if body is None:
            left_out.append((entry.key, "the film was deleted"))
            continue
        name = f"{_FOLDERS[truth]}/{_file_name(entry)}"
        (out / name).write_bytes(body)
        rows.append((name, entry.key, entry.version, truth, entry.probability, entry.model))
    with (out / "reviews.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "key", "version", "label", "probability", "model"))
        writer.writerows(sorted(rows))
    return Exported(len(rows), left_out)


def _truth(entry: Entry) -> Reading | None:
    case = Case(
        uploaded=entry.uploaded,
        group=entry.group,
        model=entry.model or "unknown",
        positive=entry.finding == Reading.PNEUMONIA,
        probability=float(entry.probability or 0),
        cutoff=float(entry.cutoff),
        chance=None,
        readings=entry.readings,
    )
    return case.truth


def _file_name(entry: Entry) -> str:
    """The film's own name, so that `prepare` finds the patient in it, made unique by its hash."""
    own = Path(entry.key).name
    stem, suffix = Path(own).stem, Path(own).suffix
    safe = re.sub(r"[^\w.-]+", "_", stem)[:100]
    return f"{safe}-{entry.film[:12]}{suffix.lower()}"


def _film(application: Application, entry: Entry) -> bytes | None:
    which: Any = {} if "#" in entry.version else {"VersionId": entry.version}
    try:
        found = application.s3.get_object(
            Bucket=application.outputs["UploadsBucketName"], Key=entry.key, **which
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchVersion"):
            return None
        raise
    return found["Body"].read()


def _worklist(application: Application) -> WorklistTable:
    return WorklistTable(application.dynamodb, application.outputs["WorklistTableName"])


def _reviews(application: Application) -> ReviewsTable:
    return ReviewsTable(application.dynamodb, application.outputs["ReviewsTableName"])


def _settings(application: Application, function: str) -> dict[str, str]:
    """What a function of the worklist was deployed with."""
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
