"""The handler that tells again of positives nobody has reviewed; a schedule calls it.

Told first and marked after: who crashes in between tells twice rather than never.
"""

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger

from aws.worklist_table import Changed, WorklistTable
from reviewing.entry import Entry
from reviewing.overdue import is_overdue, overdue_since, subject, text
from screening.clock import now, stamp
from worklist import clients

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_sns import SNSClient

_PARTS = ("to-review#PNEUMONIA", "to-review#HIDDEN")
_TRIES = 5

logger = Logger()
worklist = WorklistTable(clients.dynamodb, os.environ["WORKLIST_TABLE"])
sns: "SNSClient" = boto3.client("sns")
hours = int(os.environ["REVIEW_HOURS"])


def handler(_: dict[str, Any], __: "LambdaContext") -> dict[str, int]:
    before = overdue_since(now(), hours)
    waiting = [
        entry
        for part in _PARTS
        for entry in worklist.part(part, "0", before)
        if is_overdue(entry, before)
    ]
    if waiting:
        _tell(waiting)
        for entry in waiting:
            _mark(entry)
        logger.info("Told again of films that wait for a review", films=len(waiting))
    return {"told": len(waiting)}


def _tell(waiting: list[Entry]) -> None:
    said = text(waiting, hours, os.environ["WORKLIST_ADDRESS"])
    sns.publish(
        TopicArn=os.environ["NOTIFICATIONS_TOPIC_ARN"],
        Subject=subject(waiting),
        Message=json.dumps({"default": said, "email": said, "sms": said.partition("\n")[0]}),
        MessageStructure="json",
    )


def _mark(told: Entry) -> None:
    entry: Entry | None = told
    for _ in range(_TRIES):
        if entry is None:
            return
        try:
            worklist.put(replace(entry, reminded=stamp(now())))
        except Changed:
            entry = worklist.find(told.film)
            continue
        return
