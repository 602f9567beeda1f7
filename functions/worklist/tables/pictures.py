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


_EMPTY = "The file is empty: there is no film to look at."
_DELETED = "The film was deleted or replaced since it was screened."


class FilmGone(Exception):
    """There is no film to look at: it was deleted or replaced, or its file is empty."""


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
        try:
            found = self.client.get_object(
                Bucket=bucket,
                Key=key,
                Range=f"bytes={first}-{first + LARGEST_PIECE - 1}",
                **_which(version),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                raise FilmGone(_DELETED) from None
            if error.response["Error"]["Code"] != "InvalidRange":
                raise
            if first:
                raise WrongRequest(f"The film has no bytes from {first} on.") from None
            raise FilmGone(_EMPTY) from None
        body = found["Body"].read()
        total = int(found["ContentRange"].rpartition("/")[2])
        known = None if first else format_of(body)
        return Piece(body, first, total, known.content_type if known else "")

    def must_be_there(self, bucket: str, key: str, version: str) -> None:
        """Raise FilmGone where nobody can look at that version."""
        try:
            found = self.client.head_object(Bucket=bucket, Key=key, **_which(version))
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE | {"412"}:
                raise FilmGone(_DELETED) from None
            raise
        if not found["ContentLength"]:
            raise FilmGone(_EMPTY)


def _which(version: str | None) -> dict[str, Any]:
    if version is None:
        return {}
    if "#" in version:
        # Of a bucket that keeps no versions, where the ETag tells.
        return {"IfMatch": f'"{version.partition("#")[0]}"'}
    return {"VersionId": version}
