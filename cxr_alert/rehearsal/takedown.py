"""Remove what a rehearsal made, by its journal; report what can't be removed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from cxr_alert.deployment import stacks
from cxr_alert.rehearsal.journal import Journal, Kind, Thing
from screening.errors import Failure

_KEPT = {  # on purpose, by the deletion of the stack
    "AWS::S3::Bucket": Kind.BUCKET,
    "AWS::DynamoDB::Table": Kind.TABLE,
    "AWS::KMS::Key": Kind.KEY,
}
_GONE = {
    "NoSuchEntity",
    "NoSuchBucket",
    "NotFoundException",
    "ResourceNotFoundException",
    "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDoesNotExist",
    "KMSInvalidStateException",  # its deletion is already scheduled
}
_KEY_DAYS = 7  # the minimum


@dataclass(frozen=True)
class Leftover:
    what: str
    why: str


class _NotGone(Exception):
    """The thing still exists; the message says in which state."""


def take_down(journal: Journal, stack: str) -> list[Leftover]:
    """Remove everything; return what is left, whether or not it is in the journal."""
    for thing in [each for each in journal.in_order if each.kind is Kind.STACK]:
        note_what_outlives(journal, thing.name)
    left = []
    for thing in journal.in_order:
        try:
            _UNDO[thing.kind](thing)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                left.append(Leftover(f"{thing.kind} {thing.name}", str(error)))
                continue
        except (BotoCoreError, _NotGone) as error:
            left.append(Leftover(f"{thing.kind} {thing.name}", str(error)))
            continue
        journal.remove(thing)
    return left + _left_over(stack, {each.what for each in left})


def note_what_outlives(journal: Journal, stack: str) -> None:
    """Add to the journal what the stack's deletion leaves, while the stack can still name it."""
    for name, kind in _resources(stack):
        journal.add(Thing(kind, name))


def _resources(stack: str) -> list[tuple[str, Kind]]:
    return [(name, _KEPT[kind]) for _, kind, name in stacks.resources(stack) if kind in _KEPT]


def _delete_stack(thing: Thing) -> None:
    try:
        stacks.delete(thing.name)
    except Failure as error:
        raise _NotGone(str(error)) from None


def _allow(thing: Thing) -> None:
    boto3.client("iam").delete_role_policy(RoleName=thing.of, PolicyName=thing.name)


def _start(thing: Thing) -> None:
    client: Any = boto3.client("lambda")
    client.update_event_source_mapping(UUID=thing.name, Enabled=True)


def _delete_role(thing: Thing) -> None:
    client: Any = boto3.client("iam")
    for each in client.list_attached_role_policies(RoleName=thing.name)["AttachedPolicies"]:
        client.detach_role_policy(RoleName=thing.name, PolicyArn=each["PolicyArn"])
    client.delete_role(RoleName=thing.name)


def _delete_bucket(thing: Thing) -> None:
    client = boto3.client("s3")
    for page in client.get_paginator("list_object_versions").paginate(Bucket=thing.name):
        versions = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if not versions:
            continue
        answer = client.delete_objects(
            Bucket=thing.name,
            Delete={
                "Objects": [
                    {"Key": each["Key"], "VersionId": each["VersionId"]} for each in versions
                ]
            },
        )
        if failed := answer.get("Errors"):
            raise _NotGone(f"S3 kept {len(failed)} objects ({failed[0].get('Code')}).")
    client.delete_bucket(Bucket=thing.name)


def _delete_table(thing: Thing) -> None:
    client = boto3.client("dynamodb")
    client.update_table(TableName=thing.name, DeletionProtectionEnabled=False)
    client.get_waiter("table_exists").wait(TableName=thing.name)
    client.delete_table(TableName=thing.name)


def _delete_queue(thing: Thing) -> None:
    boto3.client("sqs").delete_queue(QueueUrl=thing.name)


def _delete_key(thing: Thing) -> None:
    client: Any = boto3.client("kms")
    client.schedule_key_deletion(KeyId=thing.name, PendingWindowInDays=_KEY_DAYS)


_UNDO: dict[Kind, Callable[[Thing], None]] = {
    Kind.DENIAL: _allow,
    Kind.SOURCE: _start,
    Kind.ROLE: _delete_role,
    Kind.STACK: _delete_stack,
    Kind.BUCKET: _delete_bucket,
    Kind.TABLE: _delete_table,
    Kind.QUEUE: _delete_queue,
    Kind.KEY: _delete_key,
}


def _left_over(stack: str, known: set[str]) -> list[Leftover]:
    """Return the resources with the stack's name that AWS still has and the journal lacks."""
    buckets = [each["Name"] for each in boto3.client("s3").list_buckets()["Buckets"]]
    tables = [
        name
        for page in boto3.client("dynamodb").get_paginator("list_tables").paginate()
        for name in page["TableNames"]
    ]
    found = [f"{Kind.BUCKET} {name}" for name in buckets if name.startswith(f"{stack}-")]
    found += [f"{Kind.TABLE} {name}" for name in tables if name.startswith(f"{stack}-")]
    return [Leftover(each, "Nothing tried to delete it.") for each in found if each not in known]
