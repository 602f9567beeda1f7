"""The handler that reminds people of films that nobody has read; a schedule calls it.

It sends first and marks after: if it stops in between, some films are in two reminders rather than
in none. So that people don't get the same reminder every quarter of an hour while the table takes
no marks, it writes to the table before it sends. A mark that fails stops no other one, and is tried
again at the end; if it fails again, the run ends with an error, which an alarm looks for. A run
takes a bounded number of films, so that it marks all of them in its time; the next run goes on.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from aws_lambda_powertools import Logger

from aws.clients import WorklistClients
from aws.errors import AWS_ERRORS, name_of
from screening.clock import now, stamp
from screening.config import TABLE, TOPIC, URL, Variable
from worklist.rules.entry import Entry
from worklist.rules.overdue import is_overdue, overdue_since, subject, text
from worklist.tables.worklist_table import Changed, WorklistTable

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_PARTS = ("to-review#PNEUMONIA", "to-review#HIDDEN")
_TRIES = 5
MOST_FILMS = (
    1000  # of one run: marked within a minute or two, and more than anybody reads in a mail
)

logger = Logger(service="remind")

# The context is Lambda's own, or whatever has its members.
Handler: TypeAlias = Callable[[dict[str, Any], Any], dict[str, int]]


class NotMarked(Exception):
    """Films were in a reminder and are not marked so: they are in the next one as well."""


@dataclass(frozen=True)
class Config:
    worklist_table: Annotated[str, Variable(TABLE, "the name of a DynamoDB table")]
    worklist_address: Annotated[str, Variable(URL, "the worklist's address")]
    notifications_topic_arn: Annotated[str, Variable(TOPIC, "the ARN of an SNS topic")]
    review_hours: Annotated[int, Variable(r"[1-9]\d{0,2}", "whole hours from 1 on")]


def make_handler(config: Config, clients: WorklistClients) -> Handler:
    """Return the function that Lambda calls on its schedule; it returns how many it told of."""
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
            tell(waiting)
            failed = [entry for entry in waiting if not _marked(worklist, entry)]
            failed = [entry for entry in failed if not _marked(worklist, entry)]
            logger.info("Told again of films that wait for a review", films=len(waiting))
            if failed:
                raise NotMarked(f"{len(failed)} films were in a reminder and are not marked so.")
        return {"told": len(waiting)}

    def tell(waiting: list[Entry]) -> None:
        said = text(waiting, config.review_hours, config.worklist_address)
        clients.sns.publish(
            TopicArn=config.notifications_topic_arn,
            Subject=subject(waiting),
            Message=json.dumps({"default": said, "email": said, "sms": said.partition("\n")[0]}),
            MessageStructure="json",
        )

    return handler


def _try_a_write(worklist: WorklistTable, entry: Entry) -> None:
    """Write an entry as it stands; raises AWS's own errors where the table takes no writes."""
    with suppress(Changed):
        worklist.put(entry)


def _marked(worklist: WorklistTable, told: Entry) -> bool:
    """Return whether the film is marked as told, or is gone."""
    entry: Entry | None = told
    for _ in range(_TRIES):
        if entry is None:
            return True
        try:
            try:
                worklist.put(replace(entry, reminded=stamp(now())))
            except Changed:
                entry = worklist.find(told.film)
                continue
        except AWS_ERRORS as error:
            logger.warning("A film was not marked", film=told.film, error=name_of(error))
            return False
        return True
    return False
