"""Send what was prepared to S3: in parallel, and only what isn't there yet."""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from training.dataset.channels import CHANNELS
from training.sagemaker.cloud import Address, CloudError, sign_in

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

AT_ONCE = 16


@dataclass(frozen=True)
class There:
    """An object in the bucket, as a listing tells it."""

    size: int
    etag: str


def connect() -> "S3Client":
    """An S3 client for many requests at once, of the shell's AWS settings. Raises CloudError."""
    retries = Config(max_pool_connections=AT_ONCE, retries={"mode": "standard", "max_attempts": 5})
    client: S3Client = sign_in().client("s3", config=retries)
    return client


def list_objects(s3: "S3Client", place: Address) -> dict[str, There]:
    """What is below `place` already, by its key. Raises CloudError."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=place.prefix)
    with _saying_why(place):
        return {
            entry["Key"]: There(entry["Size"], entry["ETag"].strip('"'))
            for page in pages
            for entry in page.get("Contents", [])
        }


def upload(
    s3: "S3Client", folder: Path, place: Address, there: dict[str, There], *, dry_run: bool
) -> None:
    """Send the channels in `folder` to `place`, but for the objects in `there` that are the same.

    Encryption is the bucket's own default. A dry run tells what would be sent. Stopped, the next
    call goes on where this one was. Raises CloudError.
    """
    console = Console()
    files = sorted(p for name in CHANNELS for p in (folder / name).rglob("*") if p.is_file())
    with Progress(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
        TimeRemainingColumn(), console=console,
    ) as progress:  # fmt: skip
        task = progress.add_task("Comparing" if dry_run else "Sending", total=_size(files))

        def send(file: Path) -> bool:
            key = place.prefix + file.relative_to(folder).as_posix()
            data = file.read_bytes()
            missing = not (key in there and _same(s3, place, key, there[key], data))
            if missing and not dry_run:
                s3.put_object(Bucket=place.bucket, Key=key, Body=data, ChecksumAlgorithm="SHA256")
            progress.advance(task, len(data))
            return missing

        pool = ThreadPoolExecutor(AT_ONCE)
        try:
            with _saying_why(place):
                sent = list(pool.map(send, files))
        finally:
            pool.shutdown(cancel_futures=True)
    keys = {place.prefix + file.relative_to(folder).as_posix() for file in files}
    channels = tuple((place / name).prefix for name in CHANNELS)
    if strangers := sorted(key for key in there.keys() - keys if key.startswith(channels)):
        console.print(
            f"{len(strangers):,} other files lie there too, {strangers[0]} for one: "
            "a job would read them as well; remove them, or choose another prefix.",
            markup=False,
        )
    missing = [file for file, was_missing in zip(files, sent, strict=True) if was_missing]
    console.print(
        f"{len(missing):,} files ({decimal(_size(missing))}) {'to send' if dry_run else 'sent'} to "
        f"{place}; {len(files) - len(missing):,} of {len(files):,} were there already.",
        markup=False,
    )


def _same(s3: "S3Client", place: Address, key: str, there: There, data: bytes) -> bool:
    """Whether the object has these bytes.

    Its ETag is their MD5 unless the bucket encrypts by KMS; the checksum it was sent with tells
    then.
    """
    if there.size != len(data):
        return False
    if there.etag == hashlib.md5(data, usedforsecurity=False).hexdigest():
        return True
    head = s3.head_object(Bucket=place.bucket, Key=key, ChecksumMode="ENABLED")
    checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
    return head.get("ChecksumSHA256") == checksum


def _size(files: Sequence[Path]) -> int:
    return sum(file.stat().st_size for file in files)


@contextmanager
def _saying_why(place: Address) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise CloudError(_reason(place, error)) from error
    except BotoCoreError as error:
        raise CloudError(f"{place} can't be reached: {error}") from error


def _reason(place: Address, error: ClientError) -> str:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if code == "NoSuchBucket":
        return (
            f"There is no bucket {place.bucket}: "
            f"create it with `aws s3 mb s3://{place.bucket}`, or name another."
        )
    if code in ("AccessDenied", "AllAccessDisabled", "403"):
        return (
            f"Access to {place} is denied ({error.operation_name}): you need s3:ListBucket, "
            "s3:GetObject and s3:PutObject there, and the use of its key if it is encrypted by KMS."
        )
    if code in ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"):
        return f"AWS refuses your credentials ({code}): sign in again, or set AWS_PROFILE."
    return f"S3 refused {error.operation_name} on {place}: {message} ({code})."
