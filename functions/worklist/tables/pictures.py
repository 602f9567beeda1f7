"""A film's bytes from S3, in pieces, since a Lambda response can't hold a large film."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from screening.formats import format_of
from worklist.rules.review import WrongRequest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# A Lambda response has at most 6 MB, and base64 adds a third to its body.
LARGEST_PIECE = 4 * 1024 * 1024

_GONE = {"NoSuchKey", "NoSuchVersion", "404", "MethodNotAllowed", "405", "PreconditionFailed"}


_EMPTY = "The file is empty: there is no film to show."
_DELETED = "The film was deleted or replaced after it was screened."


class FilmGone(Exception):
    """There is no film to show: it was deleted or replaced, or its file is empty."""


@dataclass(frozen=True)
class Piece:
    body: bytes
    first: int
    total: int
    content_type: str  # from the film's first bytes; "" if unknown, and for later pieces


@dataclass(frozen=True)
class Pictures:
    client: "S3Client"

    def piece(self, bucket: str, key: str, version: str | None, first: int) -> Piece:
        """Return a piece of that version from byte `first` on; renditions have no versions."""
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
        """Raise FilmGone if that version does not exist or is empty."""
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
        # In a bucket without versions the ETag stands for the version.
        return {"IfMatch": f'"{version.partition("#")[0]}"'}
    return {"VersionId": version}
