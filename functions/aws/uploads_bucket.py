"""The films in S3, and the renditions of those that an endpoint can't be sent as they are."""

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

LARGEST_MB = 64  # twice the largest radiographs that detectors write
DOWNLOAD_SECONDS = 10  # for the whole body, beside what an answer may take

_GONE = {"NoSuchKey", "NoSuchVersion", "404", "MethodNotAllowed", "405"}
_REPLACED = {"PreconditionFailed", "412"}


@dataclass(frozen=True)
class Neighbours:
    """Whether a key has a newer version than an upload; its older versions of the same size."""

    newer: bool
    older_of_same_size: frozenset[str]


@dataclass(frozen=True)
class Films:
    """`own_key` is the ARN of the application's key in KMS, where that is known."""

    client: "S3Client"
    renditions_bucket: str
    own_key: str = ""

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
        """Return the key in KMS that the object is encrypted with, if S3 tells.

        S3 tells whoever may read the object, though not use the key.
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
        """Return the other versions of the upload's key, as far as S3 lists them at once."""
        try:
            page = self.client.list_object_versions(Bucket=upload.bucket, Prefix=upload.key)
        except AWS_ERRORS as error:
            raise TryAgain(f"The film's versions could not be listed: {name_of(error)}.") from None
        listed = [each for each in page.get("Versions", []) if each["Key"] == upload.key]
        newer, older = [], []
        passed = False
        for each in listed:  # the newest first
            if _is_of(upload, each["VersionId"], each["ETag"].strip('"')):
                passed = True
            elif each["IsLatest"] or not (passed or stamp(each["LastModified"]) < upload.uploaded):
                newer.append(each)
            else:
                older.append(each)
        same_size = {each["VersionId"] for each in older if each["Size"] == upload.size}
        return Neighbours(bool(newer), frozenset(same_size))

    def rendition(self, upload: Upload) -> bytes | None:
        """Return the upload's rendition; None if it is gone, or not whole."""
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
            raise TryAgain(f"S3 did not keep the rendition: {name_of(error)}.") from None


def _is_of(upload: Upload, version_id: str, etag: str) -> bool:
    if upload.version_id is None:
        return (version_id, etag) == ("null", upload.etag)
    return version_id == upload.version_id


def _which(upload: Upload) -> dict[str, Any]:
    """Return how S3 is asked for exactly this upload."""
    if upload.version_id is None:
        return {"IfMatch": f'"{upload.etag}"'}
    return {"VersionId": upload.version_id}


@dataclass(frozen=True)
class Versions:
    """What a bucket holds: every version of every object that is a film, or may be one.

    A version without an id is left out: it is from a time when the bucket kept no versions, and
    only its event names it. So is an empty one that another version followed: a placeholder, see
    classify/placeholder.py.
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
        """List on behind that key and version; with each page comes where the next one begins.

        None follows the last page.
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
