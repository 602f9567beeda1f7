"""A text that a function keeps for its next run, as an object in S3."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class Note:
    """Both calls raise AWS's own errors."""

    client: "S3Client"
    bucket: str
    key: str

    def read(self) -> str | None:
        """Return the text, or None if none was written yet or it has expired."""
        try:
            found = self.client.get_object(Bucket=self.bucket, Key=self.key)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise
        with found["Body"]:
            return found["Body"].read().decode()

    def write(self, text: str) -> None:
        self.client.put_object(
            Bucket=self.bucket, Key=self.key, Body=text.encode(), ContentType="application/json"
        )
