"""The handler that follows the screening records: each new or changed record has its entry.

The table's stream calls it, in the order of the changes of each record. An entry can be made anew
from its record at any time, so a batch that fails is simply done again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from aws_lambda_powertools import Logger
from boto3.dynamodb.types import TypeDeserializer

from aws.clients import WorklistClients
from aws.worklist_table import WorklistTable
from screening.config import TABLE, Variable
from screening.record import record_from

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_from_dynamodb = TypeDeserializer().deserialize

logger = Logger(service="enlist")

Failures: TypeAlias = dict[str, list[dict[str, str]]]
# The context is Lambda's own, or whatever has its members.
Handler: TypeAlias = Callable[[dict[str, Any], Any], Failures]


@dataclass(frozen=True)
class Config:
    worklist_table: Annotated[str, Variable(TABLE, "the name of a DynamoDB table")]
    sample_share: Annotated[Decimal, Variable(r"0|1(\.0*)?|0?\.\d+", "from 0 to 1")]


def make_handler(config: Config, clients: WorklistClients) -> Handler:
    """Return the function that the stream calls with the changes of records."""
    worklist = WorklistTable(clients.dynamodb, config.worklist_table)

    def handler(event: dict[str, Any], _: "LambdaContext") -> Failures:
        """Return the first change that failed; the stream goes on from there."""
        for change in event["Records"]:
            image = change["dynamodb"].get("NewImage")
            if image is None:  # the record expired; what was read of it stays
                continue
            flat = {name: _from_dynamodb(value) for name, value in image.items()}
            try:
                record = record_from(flat)
                if not record.repeats:  # the film is in the list by its earlier version
                    worklist.enlist(record, config.sample_share)
            except Exception as error:  # noqa: BLE001 - what failed is tried again, whatever it was
                # No trace: what others say in theirs may hold the key.
                logger.warning("A record was not enlisted", error=type(error).__name__)
                number = change["dynamodb"]["SequenceNumber"]
                return {"batchItemFailures": [{"itemIdentifier": number}]}
        return {"batchItemFailures": []}

    return handler
