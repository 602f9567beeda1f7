"""The AWS clients of the worklist's functions."""

from typing import TYPE_CHECKING

import boto3
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
