"""The handler that reminds people of films that nobody has read; a schedule calls it.

It sends a reminder before it marks the films as reminded: if it stops in between, some films are
in two reminders rather than in none. Before it sends, it tries a write, since people would get the
same reminder every quarter of an hour while the table accepts no writes. A mark that fails does not
stop the others and is tried again at the end; if it fails again, the run ends with an error, which
raises an alarm. A run takes a limited number of films, so that it can mark all of them before its
timeout; the next run takes the others.
"""

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

from aws_lambda_powertools import Logger

from aws.clients import WorklistClients
from aws.errors import AWS_ERRORS, name_of
from aws.handler import Handler
from screening.clock import now, stamp
from screening.config import TABLE, TOPIC, URL, Variable
from worklist.rules.entry import Entry
from worklist.rules.overdue import is_overdue, overdue_since, subject, text
from worklist.tables.worklist_table import Changed, WorklistTable

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_PARTS = ("to-review#PNEUMONIA", "to-review#HIDDEN")
_TRIES = 5
MOST_FILMS = 1000  # in one run: marked in a minute or two, and more than anybody reads in a mail

logger = Logger(service="remind")


class NotMarked(Exception):
    """Some films of a reminder could not be marked, so the next reminder repeats them."""


@dataclass(frozen=True)
class Config:
    worklist_table: Annotated[str, Variable(TABLE, "the name of a DynamoDB table")]
    worklist_address: Annotated[str, Variable(URL, "the worklist's address")]
    notifications_topic_arn: Annotated[str, Variable(TOPIC, "the ARN of an SNS topic")]
    review_hours: Annotated[int, Variable(r"[1-9]\d{0,2}", "whole hours from 1 on")]


def make_handler(config: Config, clients: WorklistClients) -> Handler[dict[str, int]]:
    """Return the function that Lambda calls on its schedule; it returns the number of films."""
    worklist = WorklistTable(clients.dynamodb, config.worklist_table)

    def handler(_: dict[str, Any], __: "LambdaContext") -> dict[str, int]:
        before = overdue_since(now(), config.review_hours)
        overdue = (
            entry
            for part in _PARTS
            for entry in worklist.not_reminded(part, before)
            if is_overdue(entry, before)
        )
        waiting = list(islice(overdue, MOST_FILMS))
        if waiting:
            _try_a_write(worklist, waiting[0])
            remind(waiting)
            failed = [entry for entry in waiting if not _marked(worklist, entry)]
            failed = [entry for entry in failed if not _marked(worklist, entry)]
            logger.info("Reminder sent", films=len(waiting))
            if failed:
                raise NotMarked(
                    f"{len(failed)} films of a reminder could not be marked as reminded."
                )
        return {"reminded": len(waiting)}

    def remind(waiting: list[Entry]) -> None:
        message = text(waiting, config.review_hours, config.worklist_address)
        clients.sns.publish(
            TopicArn=config.notifications_topic_arn,
            Subject=subject(waiting),
            Message=json.dumps(
                {"default": message, "email": message, "sms": message.partition("\n")[0]}
            ),
            MessageStructure="json",
        )

    return handler


def _try_a_write(worklist: WorklistTable, entry: Entry) -> None:
    """Write an entry without a change; raises AWS's own errors if the table accepts no writes."""
    with suppress(Changed):
        worklist.put(entry)


def _marked(worklist: WorklistTable, overdue: Entry) -> bool:
    """Mark the film as reminded; return whether it is marked, or gone."""
    entry: Entry | None = overdue
    for _ in range(_TRIES):
        if entry is None:
            return True
        try:
            try:
                worklist.put(replace(entry, reminded=stamp(now())))
            except Changed:
                entry = worklist.find(overdue.film)
                continue
        except AWS_ERRORS as error:
            logger.warning(
                "A film could not be marked as reminded", film=overdue.film, error=name_of(error)
            )
            return False
        return True
    return False
