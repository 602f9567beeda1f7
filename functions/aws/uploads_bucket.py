"""The films in S3, and the renditions of those that an endpoint can't be sent as they are."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from screening.clock import stamp
from screening.refusals import Code, Rejected, TryAgain
from screening.rendition import rendition_key
from screening.upload import Upload

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

LARGEST_MB = 64  # twice the largest radiographs that detectors write
DOWNLOAD_SECONDS = 10  # for the whole body: a socket's time limit starts anew with every byte
_CHUNK_BYTES = 1024 * 1024

_GONE = {"NoSuchKey", "NoSuchVersion", "404", "MethodNotAllowed", "405"}
_REPLACED = {"PreconditionFailed", "412"}


@dataclass(frozen=True)
class Films:
    client: "S3Client"
    renditions_bucket: str

    def check_size(self, upload: Upload) -> None:
        """Raise Rejected for a file that is no film by its size alone."""
        if upload.size == 0:
            raise Rejected(
                Code.EMPTY, "The file is empty. Export the film again and drop it again."
            )
        if upload.size > LARGEST_MB * 1024**2:
            raise Rejected(
                Code.TOO_LARGE,
                f"The file has {upload.size / 1024**2:.1f} MB; at most {LARGEST_MB} MB can be "
                "screened. Export the film smaller and drop it again.",
            )

    def read(self, upload: Upload) -> bytes:
        """Return the bytes of exactly the upload that the event named."""
        self.check_size(upload)
        try:
            if upload.version_id is None:
                found = self.client.get_object(
                    Bucket=upload.bucket, Key=upload.key, IfMatch=f'"{upload.etag}"'
                )
            else:
                found = self.client.get_object(
                    Bucket=upload.bucket, Key=upload.key, VersionId=upload.version_id
                )
            return _read_all(found["Body"])
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _GONE:
                raise Rejected(
                    Code.DELETED, "The file was deleted before it could be read."
                ) from None
            if code in _REPLACED:
                raise Rejected(
                    Code.REPLACED, "The file was replaced before it could be read."
                ) from None
            raise TryAgain(f"S3 refused to hand out the film: {code}.") from None
        # botocore's own messages hold the address, and with it the key.
        except BotoCoreError as error:
            raise TryAgain(f"The film could not be read: {type(error).__name__}.") from None

    def rendition(self, upload: Upload) -> bytes | None:
        """Return the bytes of the upload's rendition; None if there is none, or none any more."""
        try:
            found = self.client.get_object(
                Bucket=self.renditions_bucket, Key=rendition_key(upload.key, upload.version)
            )
            return _read_all(found["Body"])
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _GONE:
                return None
            raise TryAgain(f"S3 refused to hand out the rendition: {code}.") from None
        except BotoCoreError as error:
            raise TryAgain(f"The rendition could not be read: {type(error).__name__}.") from None

    def put_rendition(self, upload: Upload, png: bytes) -> None:
        try:
            self.client.put_object(
                Bucket=self.renditions_bucket,
                Key=rendition_key(upload.key, upload.version),
                Body=png,
                ContentType="image/png",
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise TryAgain(f"S3 refused the rendition: {code}.") from None
        except BotoCoreError as error:
            raise TryAgain(f"The rendition was not kept: {type(error).__name__}.") from None


def _read_all(body: "StreamingBody") -> bytes:
    deadline = time.monotonic() + DOWNLOAD_SECONDS
    chunks = []
    with body:
        while chunk := body.read(_CHUNK_BYTES):
            chunks.append(chunk)
            if time.monotonic() > deadline:
                raise TryAgain(f"The film did not arrive within {DOWNLOAD_SECONDS} seconds.")
    return b"".join(chunks)


@dataclass(frozen=True)
class Versions:
    """What a bucket holds: every version of every object, but for those without an id.

    Such have a version "null", from a time when the bucket kept none; only their event names them.
    """

    client: "S3Client"
    bucket: str

    def pages(self, prefix: str) -> Iterator[list[Upload]]:
        """List the versions of the keys that begin with `prefix`, a page at a time."""
        pages = self.client.get_paginator("list_object_versions").paginate(
            Bucket=self.bucket, Prefix=prefix
        )
        for page in pages:
            yield [
                Upload.of(
                    key=each["Key"],
                    version=each["VersionId"],
                    bucket=self.bucket,
                    etag=each["ETag"].strip('"'),
                    size=each["Size"],
                    uploaded=stamp(each["LastModified"]),
                )
                for each in page.get("Versions", [])
                if each["VersionId"] != "null"
            ]
