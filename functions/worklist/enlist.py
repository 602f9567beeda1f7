"""The handler that keeps one worklist entry for each screening record.

The table's stream calls it, in the order of each record's changes. An entry can be rebuilt from its
record at any time, so a failed batch is simply repeated. A record that fails several times is left
out: the stream puts its position into a queue and continues. People are notified of a negative that
was drawn for review, as `notify` does for positives. When a record expires, its entry and its
reviews are deleted as well: nothing outlasts RecordRetentionDays.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

from aws_lambda_powertools import Logger

from aws.clients import WorklistClients
from aws.handler import Failures, Handler
from aws.queue import Queue
from aws.screenings_table import Screenings
from aws.stream import follow_changes, plain
from screening.config import TABLE, URL, Variable
from screening.film_name import film_name
from screening.judgement import Finding
from screening.messages import alert_body
from screening.record import Record, record_from
from worklist.tables.reviews_table import ReviewsTable
from worklist.tables.worklist_table import WorklistTable

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger(service="enlist")


@dataclass(frozen=True)
class Config:
    worklist_table: Annotated[str, Variable(TABLE, "the name of a DynamoDB table")]
    reviews_table: Annotated[str, Variable(TABLE, "the name of a DynamoDB table")]
    screenings_table: Annotated[str, Variable(TABLE, "the name of a DynamoDB table")]
    sample_share: Annotated[Decimal, Variable(r"0|1(\.0*)?|0?\.\d+", "from 0 to 1")]
    people_queue_url: Annotated[str, Variable(URL, "the URL of an SQS queue")]


def make_handler(config: Config, clients: WorklistClients) -> Handler[Failures]:
    """Return the function that the stream calls with the changes of records."""
    worklist = WorklistTable(clients.dynamodb, config.worklist_table)
    reviews = ReviewsTable(clients.dynamodb, config.reviews_table)
    screenings = Screenings(clients.dynamodb, config.screenings_table)
    people = Queue(clients.make_sqs, config.people_queue_url)

    def handler(event: dict[str, Any], _: "LambdaContext") -> Failures:
        """Return the first change that failed; the stream continues from there."""
        return follow_changes(event, follow, logger, "A record was not enlisted")

    def notify(record: Record) -> None:
        people.send([alert_body(record)])

    def follow(change: dict[str, Any]) -> None:
        image = change["dynamodb"].get("NewImage")
        if image is not None:
            record = record_from(plain(image))
            for each, versions in to_enlist(record, screenings.of_key):
                worklist.enlist(each, config.sample_share, versions, notify)
            return
        key = plain(change["dynamodb"]["Keys"])
        film = film_name(key["key"], key["version"])
        reviews.remove(film)
        worklist.remove(film)

    return handler


def to_enlist(
    record: Record, of_key: Callable[[str], list[Record]]
) -> Iterator[tuple[Record, list[Record]]]:
    """Yield the record and each reject that it replaces, with all records of its key.

    A record with the same bytes as an earlier version is left out: its film is in the list already.
    """
    if record.repeats:
        return
    versions = of_key(record.key)
    yield record, versions
    if record.judgement.finding is not Finding.REJECTED:
        for each in versions:
            if each.judgement.finding is Finding.REJECTED and each.version != record.version:
                yield each, versions
