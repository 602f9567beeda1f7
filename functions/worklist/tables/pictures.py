"""A film's bytes from S3, a piece at a time: Lambda's answer holds no whole large film."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from screening.formats import format_of
from worklist.rules.review import WrongRequest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Lambda answers with 6 MB at most, a third of it lost to base64.
LARGEST_PIECE = 4 * 1024 * 1024

_GONE = {"NoSuchKey", "NoSuchVersion", "404", "MethodNotAllowed", "405", "PreconditionFailed"}


class FilmGone(Exception):
    """The film was deleted or replaced."""


@dataclass(frozen=True)
class Piece:
    body: bytes
    first: int
    total: int
    content_type: str  # told by the film's first bytes; "" if it is none, or a later piece


@dataclass(frozen=True)
class Pictures:
    client: "S3Client"

    def piece(self, bucket: str, key: str, version: str | None, first: int) -> Piece:
        """Return the bytes of exactly that version from `first` on; renditions have no versions."""
        which: dict[str, Any] = {}
        if version is not None and "#" in version:
            # Of a bucket that keeps no versions, where the ETag tells.
            which = {"IfMatch": f'"{version.partition("#")[0]}"'}
        elif version is not None:
            which = {"VersionId": version}
        try:
            found = self.client.get_object(
                Bucket=bucket,
                Key=key,
                Range=f"bytes={first}-{first + LARGEST_PIECE - 1}",
                **which,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                raise FilmGone("The film was deleted or replaced since it was screened.") from None
            if error.response["Error"]["Code"] != "InvalidRange":
                raise
            if first:
                raise WrongRequest(f"The film has no bytes from {first} on.") from None
            return Piece(b"", 0, 0, "")  # an empty file has no bytes
        body = found["Body"].read()
        total = int(found["ContentRange"].rpartition("/")[2])
        known = None if first else format_of(body)
        return Piece(body, first, total, known.content_type if known else "")
