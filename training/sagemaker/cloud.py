"""Shared by the commands that use AWS: the account, S3 addresses, AWS's errors in a sentence."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError

from screening.errors import Mistake

Client = Any  # boto3 makes its clients at run time


class CloudError(Mistake):
    """AWS refused something, or a setting is missing; the message says what to do."""


@dataclass(frozen=True)
class Address:
    """A place in S3; `key` has no slash at its ends, and is empty for the whole bucket."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def prefix(self) -> str:
        """Return the prefix of the keys below it.

        Its final slash separates `films` from `films-2`.
        """
        return f"{self.key}/" if self.key else ""

    def __truediv__(self, part: str) -> "Address":
        return Address(self.bucket, f"{self.key}/{part}".strip("/"))


def address(text: str, option: str) -> Address:
    """Read `s3://BUCKET/KEY`, the value of `option`."""
    scheme, _, rest = text.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise CloudError(f"{option} must be of the form s3://BUCKET/PREFIX; it is {text}.")
    return Address(bucket, key.strip("/"))


def sign_in() -> boto3.Session:
    """Return the user's account and region, by the usual AWS settings."""
    session = boto3.Session(region_name=os.environ.get("AWS_REGION"))
    if session.region_name is None:
        raise CloudError("No AWS region is chosen: set AWS_REGION, or run `aws configure`.")
    if session.get_credentials() is None:
        raise CloudError(
            "No AWS credentials were found: run `aws configure` or `aws sso login`, "
            "or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    return session


def role_arn(session: boto3.Session, role: str | None) -> str:
    """Return the ARN of the role for SageMaker, from its name or ARN."""
    if role is None:
        raise CloudError(
            "--role is missing: name the IAM role that SageMaker works under "
            "(docs/training.md says how to make one)."
        )
    if role.startswith("arn:"):
        return role
    arn: str = session.client("iam").get_role(RoleName=role)["Role"]["Arn"]
    return arn


@contextmanager
def aws_in_a_sentence() -> Iterator[None]:
    """Turn an error of AWS, or of the connection to it, into a CloudError."""
    try:
        yield
    except ClientError as error:
        refusal = error.response.get("Error", {})
        what = f"{error.operation_name} ({refusal.get('Code')})"
        raise CloudError(f"AWS refused {what}: {refusal.get('Message', error)}") from error
    except (BotoCoreError, S3UploadFailedError) as error:
        raise CloudError(f"AWS can't be used: {error}") from error
