"""Screen films again, with the network that the endpoint has now.

A backfill: it goes past the queue, so new films do not wait behind it, a few at a time. The record
keeps what it said before. No alert is sent unless asked for, and none twice: one that went out
stays SENT whatever is found now.
"""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from aws.endpoint import Endpoint
from aws.uploads_bucket import Films
from operate.application import Application
from screening.clock import now, stamp
from screening.judgement import Finding, judge
from screening.record import AlertState
from screening.refusals import Rejected, TryAgain
from screening.upload import Upload

_WAITS_SECONDS = (1, 4, 16)
_JUDGEMENT = ("finding", "probability", "cutoff", "model", "variant", "reason", "classified")


class Outcome(StrEnum):
    SAME = "same finding"
    CHANGED = "finding changed"
    NEWLY_POSITIVE = "possible pneumonia that nobody was alerted to"
    SKIPPED = "skipped, since not screened yet or its alert is under way"
    FAILED = "could not be screened"


@dataclass(frozen=True)
class Rescreened:
    key: str
    version: str
    outcome: Outcome
    why: str = ""


def films(application: Application, prefix: str) -> list[tuple[str, str]]:
    """Return key and version of each object under a prefix, as it is now."""
    pages = application.s3.get_paginator("list_object_versions").paginate(
        Bucket=application.outputs["UploadsBucketName"], Prefix=prefix
    )
    return [
        (each["Key"], each["VersionId"])
        for page in pages
        for each in page.get("Versions", [])
        if each["IsLatest"]
    ]


def rescreen(
    application: Application, chosen: list[tuple[str, str]], at_once: int, *, alert: bool
) -> Iterator[Rescreened]:
    """Screen the chosen films again, `at_once` of them at a time; `alert` the newly positive."""
    with ThreadPoolExecutor(at_once) as pool:
        yield from pool.map(
            lambda film: _rescreen(application, film[0], film[1], alert=alert), chosen
        )


def _rescreen(application: Application, key: str, version: str, *, alert: bool) -> Rescreened:
    table = application.outputs["ScreeningsTableName"]
    where: Any = {"key": {"S": key}, "version": {"S": version}}
    item = application.dynamodb.get_item(TableName=table, Key=where, ConsistentRead=True)
    before = {
        name: TypeDeserializer().deserialize(value) for name, value in item.get("Item", {}).items()
    }
    if not before:
        return Rescreened(key, version, Outcome.SKIPPED)
    if before["alert"] == AlertState.PENDING:
        # A backfill may have ended before it told the function; told twice, it alerts once.
        if alert:
            _announce(application, before)
        return Rescreened(key, version, Outcome.SKIPPED)
    try:
        judged = _judge(application, before)
    except TryAgain as failure:
        return Rescreened(key, version, Outcome.FAILED, str(failure))
    unheard = judged["finding"] == Finding.PNEUMONIA and before["alert"] == AlertState.NOT_NEEDED
    state = AlertState.PENDING if unheard and alert else AlertState(before["alert"])
    after = {**judged, "alert": state}
    if _differ(before, after) and not _write(application, where, before, after):
        return Rescreened(key, version, Outcome.SKIPPED)
    if unheard:
        if alert:
            _announce(application, before)
        return Rescreened(key, version, Outcome.NEWLY_POSITIVE)
    same = judged["finding"] == before["finding"]
    return Rescreened(key, version, Outcome.SAME if same else Outcome.CHANGED)


def _judge(application: Application, before: dict[str, Any]) -> dict[str, Any]:
    judged: dict[str, Any] = {"cutoff": application.cutoff}
    try:
        answer = _ask(application, before)
    except Rejected as rejection:
        judged |= {"finding": Finding.REJECTED, "reason": str(rejection)}
    else:
        judged |= {
            "finding": judge(answer.probability, application.cutoff),
            "probability": answer.probability,
            "model": answer.model,
            "variant": answer.variant,
        }
    return judged | {"classified": stamp(now())}


def _ask(application: Application, before: dict[str, Any]) -> Any:  # noqa: ANN401
    upload = Upload(
        key=before["key"],
        version=before["version"],
        bucket=before["bucket"],
        version_id=before["version"],
        etag=before["etag"],
        size=int(before["size"]),
        uploaded=before["uploaded"],
    )
    endpoint = Endpoint(application.endpoint, application.outputs["EndpointName"])
    for wait in (*_WAITS_SECONDS, None):
        try:
            return endpoint.ask(Films(application.s3).read(upload))
        except TryAgain:
            if wait is None:
                raise
            time.sleep(wait)
    return None


def _differ(before: dict[str, Any], after: dict[str, Any]) -> bool:
    names = {*_JUDGEMENT, "alert"} - {"classified"}
    return any(before.get(name) != after.get(name) for name in names)


def _write(
    application: Application,
    where: Any,  # noqa: ANN401
    before: dict[str, Any],
    after: dict[str, Any],
) -> bool:
    """Replace the judgement, unless someone else did meanwhile; returns whether it was replaced."""
    earlier = {name: before[name] for name in _JUDGEMENT if name in before}
    new = {name: value for name, value in after.items() if value is not None}
    gone = [name for name in _JUDGEMENT if after.get(name) is None]
    values = {f":{name}": _dynamodb(value) for name, value in new.items()}
    sets = ", ".join(f"#{name} = :{name}" for name in new)
    try:
        application.dynamodb.update_item(
            TableName=application.outputs["ScreeningsTableName"],
            Key=where,
            UpdateExpression=f"SET {sets}, earlier = list_append("
            "if_not_exists(earlier, :none), :earlier)"
            + (f" REMOVE {', '.join(f'#{name}' for name in gone)}" if gone else ""),
            ConditionExpression="#classified = :seen AND #alert = :seen_alert",
            ExpressionAttributeNames={f"#{name}": name for name in {*new, *gone}},
            ExpressionAttributeValues={
                **values,
                ":none": {"L": []},
                ":earlier": _dynamodb([earlier]),
                ":seen": _dynamodb(before["classified"]),
                ":seen_alert": _dynamodb(before["alert"]),
            },
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return False
    return True


def _announce(application: Application, record: dict[str, Any]) -> None:
    """Tell the function of the upload once more: it finds the alert pending, and sends it."""
    event = {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "time": record["uploaded"],
        "detail": {
            "bucket": {"name": record["bucket"]},
            "object": {
                "key": record["key"],
                "version-id": record["version"],
                "etag": record["etag"],
                "size": int(record["size"]),
            },
        },
    }
    application.sqs.send_message(
        QueueUrl=application.outputs["UploadsQueueUrl"], MessageBody=json.dumps(event)
    )


def _dynamodb(value: Any) -> Any:  # noqa: ANN401
    return TypeSerializer().serialize(str(value) if isinstance(value, StrEnum) else value)
