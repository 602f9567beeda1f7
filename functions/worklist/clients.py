"""The AWS clients of the worklist's functions, and what they read of the screening records."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from boto3.dynamodb.types import TypeDeserializer
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

# A person waits for the answer: API Gateway gives up after 30 seconds.
_limits = Config(
    connect_timeout=1,
    read_timeout=8,
    retries={"mode": "standard", "total_max_attempts": 2},
    tcp_keepalive=True,
)
_session = boto3.session.Session()
dynamodb: "DynamoDBClient" = _session.client("dynamodb", config=_limits)
s3: "S3Client" = _session.client("s3", config=_limits)

_from_dynamodb = TypeDeserializer().deserialize


@dataclass(frozen=True)
class Records:
    client: "DynamoDBClient"
    table: str

    def find(self, key: str, version: str) -> Mapping[str, Any]:
        """Return a film's record; empty if it has expired."""
        found = self.client.get_item(
            TableName=self.table, Key={"key": {"S": key}, "version": {"S": version}}
        )
        return {name: _from_dynamodb(value) for name, value in found.get("Item", {}).items()}
