"""Screen films again with the endpoint's current network.

It bypasses the queue, a few films at a time, so that new films do not wait behind it. The record
keeps the earlier judgement. An alert is sent only on request, and never twice: a record with a sent
alert stays SENT whatever the new finding is. A person who has seen a film may have it screened
without the gate that rejected it; the judgement then says so.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum

from classify.examine import examine
from cxr_alert.operate.application import Application
from screening.judgement import Finding, Judgement
from screening.record import AlertState, Record, rejudged, unheard
from screening.refusals import NeedsRendition, TryAgain
from screening.rendition import Rendered
from screening.upload import is_check_key

_WAITS_SECONDS = (1, 4, 16)


class Result(StrEnum):
    SAME = "same finding"
    CHANGED = "finding changed"
    NEWLY_POSITIVE = "possible pneumonia without an alert"
    SKIPPED = "skipped, since not screened yet or its alert is being sent"
    STILL_REJECTED = "still rejected, since the film never reached the network"
    FAILED = "could not be screened"


@dataclass(frozen=True)
class Rescreened:
    key: str
    version: str
    result: Result
    why: str = ""


def films(application: Application, prefix: str) -> list[tuple[str, str]]:
    """Return key and version of the current film under each key with the prefix."""
    pages = application.s3.get_paginator("list_object_versions").paginate(
        Bucket=application.outputs["UploadsBucketName"], Prefix=prefix
    )
    return [
        (each["Key"], each["VersionId"])
        for page in pages
        for each in page.get("Versions", [])
        if each["IsLatest"] and not is_check_key(each["Key"])
    ]


def rescreen(
    application: Application,
    chosen: list[tuple[str, str]],
    at_once: int,
    *,
    alert: bool,
    gated: bool = True,
) -> Iterator[Rescreened]:
    """Screen the chosen films again, `at_once` concurrently; `alert` for new positives."""
    with ThreadPoolExecutor(at_once) as pool:
        yield from pool.map(
            lambda film: _rescreen(application, film[0], film[1], alert=alert, gated=gated), chosen
        )


def _rescreen(
    application: Application, key: str, version: str, *, alert: bool, gated: bool
) -> Rescreened:
    try:
        result = _result(application, key, version, alert=alert, gated=gated)
    except TryAgain as failure:
        return Rescreened(key, version, Result.FAILED, str(failure))
    return Rescreened(key, version, result)


def _result(
    application: Application, key: str, version: str, *, alert: bool, gated: bool
) -> Result:
    before = application.screenings.find(key, version)
    if before is None:
        return Result.SKIPPED
    if before.alert is AlertState.PENDING:
        # An earlier run may have ended before it enqueued this. Enqueued twice, it alerts once.
        if alert:
            application.uploads_queues.announce([before.upload])
        return Result.SKIPPED
    try:
        judgement = _judge_patiently(application, before, gated=gated)
    except NeedsRendition:
        if before.judgement.finding is Finding.REJECTED:
            return Result.STILL_REJECTED
        raise TryAgain("Its rendition was removed after 30 days: upload the film again.") from None
    after = rejudged(before, judgement, alert=alert)
    if _differ(before, after) and not application.screenings.rejudge(before, after):
        return Result.SKIPPED
    if unheard(before, after.judgement):
        if alert:
            application.uploads_queues.announce([before.upload])
        return Result.NEWLY_POSITIVE
    same = after.judgement.finding is before.judgement.finding
    return Result.SAME if same else Result.CHANGED


def _judge_patiently(application: Application, record: Record, *, gated: bool) -> Judgement:
    """Examine the film again, with retries after a wait while something else is at fault."""
    for wait in _WAITS_SECONDS:
        try:
            return _examine(application, record, gated=gated)
        except TryAgain:
            time.sleep(wait)
    return _examine(application, record, gated=gated)


def _examine(application: Application, record: Record, *, gated: bool) -> Judgement:
    tools = (application.films, application.endpoint, application.cutoff)
    try:
        return examine(record.upload, *tools, gated=gated)
    except NeedsRendition:
        pass
    rendered = replace(record.upload, rendered=Rendered(record.facts, record.same_as))
    return examine(rendered, *tools, gated=gated)


def _differ(before: Record, after: Record) -> bool:
    """Return whether more than the time has changed."""
    at = before.judgement.classified
    return (replace(after.judgement, classified=at), after.alert) != (
        before.judgement,
        before.alert,
    )
