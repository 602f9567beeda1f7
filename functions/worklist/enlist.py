"""The handler that follows the screening records: each new or changed record has its entry.

The table's stream calls it, in the order of the changes of each record. An entry can be made anew
from its record at any time, so a batch that fails is simply done again.
"""

import os
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from boto3.dynamodb.types import TypeDeserializer

from aws.worklist_table import WorklistTable
from screening.record import record_from
from worklist import clients

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_from_dynamodb = TypeDeserializer().deserialize

logger = Logger()
worklist = WorklistTable(clients.dynamodb, os.environ["WORKLIST_TABLE"])
share = Decimal(os.environ["SAMPLE_SHARE"])


def handler(event: dict[str, Any], _: "LambdaContext") -> dict[str, list[dict[str, str]]]:
    """Return the first change that failed; the stream goes on from there."""
    for change in event["Records"]:
        image = change["dynamodb"].get("NewImage")
        if image is None:  # the record expired; what was read of it stays
            continue
        flat = {name: _from_dynamodb(value) for name, value in image.items()}
        try:
            worklist.enlist(record_from(flat), share)
        except Exception as error:  # noqa: BLE001 - what failed is tried again, whatever it was
            # No trace: what others say in theirs may hold the key.
            logger.warning("A record was not enlisted", error=type(error).__name__)
            number = change["dynamodb"]["SequenceNumber"]
            return {"batchItemFailures": [{"itemIdentifier": number}]}
    return {"batchItemFailures": []}
