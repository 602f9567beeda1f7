"""Read the screening records."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from operate.application import Application

Record = dict[str, Any]


def look_up(application: Application, key: str) -> list[Record]:
    """Return the records of an object key, one for each version, the newest last."""
    found = _query(
        application,
        KeyConditionExpression="#key = :key",
        ExpressionAttributeNames={"#key": "key"},
        ExpressionAttributeValues={":key": {"S": key}},
        ConsistentRead=True,
    )
    return sorted(found, key=lambda record: str(record["uploaded"]))


def latest(application: Application, finding: str, count: int) -> list[Record]:
    """Return the last `count` records with a finding, the newest first."""
    found = _query(
        application,
        IndexName="latest-findings",
        KeyConditionExpression="finding = :finding",
        ExpressionAttributeValues={":finding": {"S": finding}},
        ScanIndexForward=False,
        Limit=count,
    )
    return list(islice(found, count))


def _query(application: Application, **query: Any) -> Iterator[Record]:  # noqa: ANN401
    table = application.outputs["ScreeningsTableName"]
    pages = application.dynamodb.get_paginator("query").paginate(TableName=table, **query)
    for page in pages:
        for item in page["Items"]:
            yield {name: TypeDeserializer().deserialize(value) for name, value in item.items()}
