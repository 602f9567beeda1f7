"""Upload films: a repeated film once, a corrected film as a new version."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.exceptions import ConnectionError as NoConnection

from intake.places import ADMITTED

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SUFFIX = ".dcm"
FIRST_WAIT_SECONDS = 0.5
DIGEST = "sha256"  # in the object's metadata
# The object exists, or was written or deleted at the same moment.
_CHANGED = {
    "PreconditionFailed", "412", "ConditionalRequestConflict", "409", "NoSuchKey", "404",
}  # fmt: skip
_NO_CONDITIONS = {"NotImplemented", "501"}
_IGNORES_CONDITIONS = _NO_CONDITIONS | {"", "BadDigest", "InvalidDigest"}  # answers to `check`
_MOST_CHANGES = 10
_NOT_ALLOWED = {"AccessDenied", "403", "Forbidden", "AllAccessDisabled", "AccountProblem"}
_NOT_KNOWN = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"}
_ELSEWHERE = {
    "PermanentRedirect", "301", "AuthorizationHeaderMalformed",
}  # fmt: skip
_LOGIN = "Log in with AWS (AWS_PROFILE), or for the local application type `. build/local/aws.env`."


class BucketRefused(Exception):
    """The bucket can't be used as requested; the message says what to do."""


class BucketAway(Exception):
    """S3 did not answer; the message contains no address."""


def object_key(prefix: str, instance_uid: str) -> str:
    """Return the key of a film, a hash of its SOP instance: no key contains a UID."""
    return f"{prefix}{hashlib.sha256(instance_uid.encode()).hexdigest()[:32]}{SUFFIX}"


def make_client(patience: float) -> "S3Client":
    """Return a client of S3 with one try per call, which ends well within `patience` seconds.

    A name can have eight addresses, and each of them may take the whole connect timeout.
    """
    return boto3.client(
        "s3",
        config=Config(
            connect_timeout=_connect_seconds(patience),
            read_timeout=_read_seconds(patience),
            retries={"total_max_attempts": 1},
            max_pool_connections=ADMITTED,
        ),
    )


def _connect_seconds(patience: float) -> float:
    return max(patience / 10, 0.5)


def _read_seconds(patience: float) -> float:
    return max(patience * 0.4, 0.5)


@dataclass(frozen=True)
class Film:
    """A film in the spool; equal digests mean the same film."""

    file: Path
    key: str
    digest: str


@dataclass
class Bucket:
    s3: "S3Client"
    name: str
    patience: float  # seconds
    _look_first: bool = False  # S3-compatible stores without conditional writes

    def check(self, prefix: str) -> None:
        """Check whether films can be uploaded.

        Raise BucketRefused, or BucketAway without an answer.

        The request writes nothing: it would replace an object that does not exist, and its checksum
        is wrong.
        """
        asked = f"{self.name}/{prefix}*"
        try:
            self.s3.put_object(
                Bucket=self.name,
                Key=f"{prefix}start-of-receiver{SUFFIX}",
                Body=b"",
                IfMatch='"0"',
                ContentMD5="A" * 22 + "==",
            )
            code = ""
        except ClientError as error:
            code = _code(error)
        except (NoCredentialsError, PartialCredentialsError):
            raise BucketRefused(f"There are no AWS credentials. {_LOGIN}") from None
        except (HTTPClientError, NoConnection) as error:
            raise BucketAway(type(error).__name__) from None
        except BotoCoreError as error:
            raise BucketRefused(f"The bucket {self.name} can't be used: {error}.") from None
        if code == "NoSuchBucket":
            raise BucketRefused(f"There is no bucket {self.name}. Check --bucket.")
        if code in _ELSEWHERE:
            raise BucketRefused(
                f"The bucket {self.name} is in another region. Set AWS_REGION to its region."
            )
        if code in _NOT_KNOWN:
            raise BucketRefused(f"AWS does not accept the credentials ({code}). {_LOGIN}")
        if code in _NOT_ALLOWED:
            raise BucketRefused(
                f"Films may not be put into {self.name} ({code}). These credentials need "
                f"s3:PutObject and s3:GetObject on arn:aws:s3:::{asked}."
            )
        if code not in _CHANGED | _IGNORES_CONDITIONS:
            raise BucketAway(code)
        self._look_first = code in _IGNORES_CONDITIONS

    def store(self, film: Film) -> bool:
        """Upload the film unless the bucket has it; return whether it was uploaded.

        Retries until the time limit; raises BucketAway after that.
        """
        longest_try = _connect_seconds(self.patience) + _read_seconds(self.patience)
        deadline, wait = time.monotonic() + self.patience, FIRST_WAIT_SECONDS
        while True:
            try:
                return self._store(film)
            except (ClientError, BotoCoreError, BucketAway) as error:
                if time.monotonic() + wait + longest_try > deadline:
                    raise BucketAway(_name(error)) from None
                time.sleep(wait)
                wait *= 2

    def _store(self, film: Film) -> bool:
        condition = self._condition(film) if self._look_first else {"IfNoneMatch": "*"}
        for _ in range(_MOST_CHANGES):
            if condition is None:
                return False
            try:
                self._put(film, {} if self._look_first else condition)
            except ClientError as error:
                code = _code(error)
                if code in _NO_CONDITIONS and not self._look_first:
                    self._look_first = True
                elif code not in _CHANGED:
                    raise
            else:
                return True
            condition = self._condition(film)
        raise BucketAway("the object changed at each try")

    def _condition(self, film: Film) -> dict[str, Any] | None:
        """Return the condition of the write, or None if the object is the same film."""
        try:
            there = self.s3.head_object(Bucket=self.name, Key=film.key)
        except ClientError as error:
            code = _code(error)
            if code in _NOT_ALLOWED:
                return {}  # it can't be compared, and screening a film twice is better than never
            if code in _CHANGED:
                return {"IfNoneMatch": "*"}
            raise
        same = there["Metadata"].get(DIGEST) == film.digest
        return None if same else {"IfMatch": there["ETag"]}

    def _put(self, film: Film, condition: Mapping[str, Any]) -> None:
        with film.file.open("rb") as body:
            self.s3.put_object(
                Bucket=self.name,
                Key=film.key,
                Body=body,
                ContentType="application/dicom",
                Metadata={DIGEST: film.digest},
                **condition,
            )


def _name(error: Exception) -> str:
    if isinstance(error, BucketAway):
        return str(error)
    return _code(error) if isinstance(error, ClientError) else type(error).__name__


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])
