"""The films in S3, and the renditions of films that can't be sent to the endpoint as they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from aws.clients import longest_wait
from aws.deadline import within
from aws.errors import AWS_ERRORS, name_of
from aws.unreadable import reason_in
from screening.clock import stamp
from screening.refusals import Code, Rejected, TryAgain
from screening.rendition import Rendered, is_whole, picture_key, rendition_key
from screening.upload import Upload

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LARGEST_MB = 64  # twice the size of the largest radiographs that detectors produce
DOWNLOAD_SECONDS = 10  # limit for the whole body, beside the socket's limit for each read

_GONE = {"NoSuchKey", "NoSuchVersion", "404", "MethodNotAllowed", "405"}
_REPLACED = {"PreconditionFailed", "412"}


@dataclass(frozen=True)
class Neighbours:
    """Other versions of a key: whether a newer one exists, and the older ones of the same size."""

    newer: bool
    older_of_same_size: frozenset[str]


@dataclass(frozen=True)
class Films:
    """The films; `own_key` is the ARN of the application's key in KMS, if it is known."""

    client: "S3Client"
    renditions_bucket: str
    own_key: str = ""

    def check_size(self, upload: Upload) -> None:
        """Raise Rejected if the file is empty or too large."""
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
        """Return the bytes of the object version that the event names."""
        self.check_size(upload)
        try:
            film = self._bytes(upload.bucket, upload.key, _which(upload))
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
            if rejection := reason_in(error, self.own_key, lambda: self._key_of(upload)):
                raise rejection from None
            raise TryAgain(f"S3 refused to hand out the film: {code}.") from None
        except AWS_ERRORS as error:
            raise TryAgain(f"The film could not be read: {name_of(error)}.") from None
        if len(film) != upload.size:
            raise TryAgain(f"S3 handed out {len(film)} bytes of the film's {upload.size}.")
        return film

    def _key_of(self, upload: Upload) -> str | None:
        """Return the KMS key of the object's encryption, or None if S3 does not say.

        S3 says it to anyone who may read the object, even without permission for the key.
        """
        try:
            head = self.client.head_object(Bucket=upload.bucket, Key=upload.key, **_which(upload))
        except AWS_ERRORS:
            return None
        return head.get("SSEKMSKeyId")

    def _bytes(self, bucket: str, key: str, which: dict[str, Any]) -> bytes:
        def read() -> bytes:
            found = self.client.get_object(Bucket=bucket, Key=key, **which)
            with found["Body"]:
                return found["Body"].read()

        seconds = longest_wait("s3") + DOWNLOAD_SECONDS
        try:
            return within(seconds, read)
        except TimeoutError:
            raise TryAgain(f"The film did not arrive within {seconds:.0f} seconds.") from None

    def neighbours(self, upload: Upload) -> "Neighbours":
        """Return the other versions of the upload's key, from the first page of S3's listing."""
        try:
            page = self.client.list_object_versions(Bucket=upload.bucket, Prefix=upload.key)
        except AWS_ERRORS as error:
            raise TryAgain(f"The film's versions could not be listed: {name_of(error)}.") from None
        listed = [each for each in page.get("Versions", []) if each["Key"] == upload.key]
        newer, older = [], []
        passed = False
        for each in listed:  # newest first
            if _is_of(upload, each["VersionId"], each["ETag"].strip('"')):
                passed = True
            elif each["IsLatest"] or not (passed or stamp(each["LastModified"]) < upload.uploaded):
                newer.append(each)
            else:
                older.append(each)
        same_size = {each["VersionId"] for each in older if each["Size"] == upload.size}
        return Neighbours(bool(newer), frozenset(same_size))

    def rendition(self, upload: Upload) -> bytes | None:
        """Return the upload's rendition, or None if it is missing or incomplete."""
        version = upload.version
        if isinstance(upload.rendered, Rendered) and upload.rendered.version:
            version = upload.rendered.version
        try:
            png = self._bytes(self.renditions_bucket, rendition_key(upload.key, version), {})
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _GONE:
                return None
            raise TryAgain(f"S3 refused to hand out the rendition: {code}.") from None
        except AWS_ERRORS as error:
            raise TryAgain(f"The rendition could not be read: {name_of(error)}.") from None
        return png if is_whole(png) else None

    def put_rendition(self, upload: Upload, png: bytes) -> None:
        self._put(rendition_key(upload.key, upload.version), png)

    def put_picture(self, upload: Upload, png: bytes) -> None:
        """Keep the picture for readers beside the rendition."""
        self._put(picture_key(upload.key, upload.version), png)

    def _put(self, key: str, png: bytes) -> None:
        try:
            self.client.put_object(
                Bucket=self.renditions_bucket,
                Key=key,
                Body=png,
                ContentType="image/png",
            )
        except AWS_ERRORS as error:
            raise TryAgain(f"S3 did not store the rendition: {name_of(error)}.") from None


def _is_of(upload: Upload, version_id: str, etag: str) -> bool:
    if upload.version_id is None:
        return (version_id, etag) == ("null", upload.etag)
    return version_id == upload.version_id


def _which(upload: Upload) -> dict[str, Any]:
    """Return the parameters that select exactly this upload in S3."""
    if upload.version_id is None:
        return {"IfMatch": f'"{upload.etag}"'}
    return {"VersionId": upload.version_id}


@dataclass(frozen=True)
class Versions:
    """Every object version in a bucket that is, or may be, a film.

    Versions without an id are left out: they were made before versioning was on, and only their
    events identify them. Empty versions that another version followed are left out too: they are
    placeholders, see classify/placeholder.py.
    """

    client: "S3Client"
    bucket: str

    def pages(self, prefix: str) -> Iterator[list[Upload]]:
        """List the versions of the keys that begin with `prefix`, a page at a time."""
        for page, _ in self.pages_after(prefix, None):
            yield page

    def pages_after(
        self, prefix: str, after: tuple[str, str] | None
    ) -> Iterator[tuple[list[Upload], tuple[str, str] | None]]:
        """List the versions after that key and version.

        With each page returns where the next begins.

        After the last page this is None.
        """
        begin: Any = {}
        while True:
            if after:
                begin = {"KeyMarker": after[0], "VersionIdMarker": after[1]}
            page = self.client.list_object_versions(Bucket=self.bucket, Prefix=prefix, **begin)
            after = None
            if page.get("IsTruncated"):
                after = page["NextKeyMarker"], page["NextVersionIdMarker"]
            yield self._uploads(page.get("Versions", [])), after
            if not after:
                return

    def _uploads(self, listed: Any) -> list[Upload]:  # noqa: ANN401 - boto3's own type
        return [
            Upload.of(
                key=each["Key"],
                version=each["VersionId"],
                bucket=self.bucket,
                etag=each["ETag"].strip('"'),
                size=each["Size"],
                uploaded=stamp(each["LastModified"]),
            )
            for each in listed
            if each["VersionId"] != "null" and (each["Size"] or each["IsLatest"])
        ]
