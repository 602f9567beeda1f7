"""A DICOM storage receiver that puts what it gets into the uploads bucket.

Success is answered only once S3 has the file. Until then the sender still has it, is told so, and
sends it again. The object's key follows from the SOP instance, so a film that comes twice is one
object all the same. What comes is written to a spool and never parsed: that is for `render`, whose
decoder is confined.
"""

import hashlib
import logging
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from pydicom.uid import (
    AllTransferSyntaxes,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
)
from pynetdicom import AE, evt

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SUCCESS = 0x0000
OUT_OF_RESOURCES = 0xA700  # for the sender: try again later
FIRST_WAIT_SECONDS = 0.5
SENDERS_AT_ONCE = 10

_TAKEN = (ComputedRadiographyImageStorage, DigitalXRayImageStorageForPresentation)
_VERIFICATION = "1.2.840.10008.1.1"
_THERE_ALREADY = {"PreconditionFailed", "412"}
_SUFFIX = ".dcm"

logger = logging.getLogger("intake")


@dataclass(frozen=True)
class Settings:
    """`senders` are the AE titles that may send; `patience` the seconds that S3 is waited for."""

    bucket: str
    title: str
    senders: Sequence[str]
    spool: Path
    spool_bytes: int
    patience: float
    prefix: str = ""


def object_key(prefix: str, instance_uid: str) -> str:
    """Name a film by a hash of its SOP instance: no key of ours holds a UID."""
    return f"{prefix}{hashlib.sha256(instance_uid.encode()).hexdigest()[:32]}{_SUFFIX}"


@dataclass
class Receiver:
    settings: Settings
    s3: "S3Client"
    received: int = 0
    _held: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _server: Any = None

    def start(self, host: str, port: int, tls: ssl.SSLContext | None) -> int:
        """Listen in threads of its own; return the port."""
        self.settings.spool.mkdir(parents=True, exist_ok=True)
        for left in self.settings.spool.glob(f"*{_SUFFIX}"):
            left.unlink()  # of a run that ended before it answered: the sender still has it
        entity = AE(ae_title=self.settings.title)
        entity.require_called_aet = True
        entity.require_calling_aet = list(self.settings.senders)
        entity.maximum_associations = SENDERS_AT_ONCE
        entity.add_supported_context(_VERIFICATION)
        for storage in _TAKEN:
            entity.add_supported_context(storage, AllTransferSyntaxes)
        self._server = entity.start_server(
            (host, port),
            block=False,
            ssl_context=tls,
            evt_handlers=[(evt.EVT_C_STORE, self._store)],
        )
        return int(self._server.socket.getsockname()[1])

    def stop(self) -> None:
        """Listen no more, and let go of the senders; what has no answer they send again."""
        if self._server is not None:
            self._server.shutdown()
            self._server = None

    def _store(self, event: evt.Event) -> int:
        request: Any = event.request  # a C-STORE
        key = object_key(self.settings.prefix, str(request.AffectedSOPInstanceUID))
        data = event.encoded_dataset()
        size = len(data)
        if not self._reserve(size):
            logger.warning("The spool is full: the sender is told to try again later.")
            return OUT_OF_RESOURCES
        # Two associations may bring one film at the same time.
        file = self.settings.spool / f"{threading.get_ident()}{_SUFFIX}"
        try:
            file.write_bytes(data)
            del data
            return self._hand_over(file, key)
        except OSError as error:
            logger.warning("The spool can't be written: %s.", error.strerror)
            return OUT_OF_RESOURCES
        finally:
            file.unlink(missing_ok=True)
            self._release(size)

    def _reserve(self, size: int) -> bool:
        with self._lock:
            if self._held + size > self.settings.spool_bytes:
                return False
            self._held += size
            return True

    def _release(self, size: int) -> None:
        with self._lock:
            self._held -= size

    def _hand_over(self, file: Path, key: str) -> int:
        """Put the file into the bucket, again and again for as long as the sender may wait."""
        deadline, wait = time.monotonic() + self.settings.patience, FIRST_WAIT_SECONDS
        while True:
            try:
                self._put(file, key)
            except (ClientError, BotoCoreError) as error:
                if time.monotonic() + wait > deadline:
                    # Without its words: they may hold the address.
                    logger.warning("S3 took no film: %s.", type(error).__name__)
                    return OUT_OF_RESOURCES
                time.sleep(wait)
                wait *= 2
            else:
                with self._lock:
                    self.received += 1
                return SUCCESS

    def _put(self, file: Path, key: str) -> None:
        try:
            with file.open("rb") as body:
                self.s3.put_object(
                    Bucket=self.settings.bucket,
                    Key=key,
                    Body=body,
                    ContentType="application/dicom",
                    IfNoneMatch="*",  # a film that is there already is not to be a second version
                )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _THERE_ALREADY:
                raise


def tls_context(certificate: Path, key: Path, senders_ca: Path | None) -> ssl.SSLContext:
    """TLS for the receiver; with `senders_ca`, only senders with a certificate of it may come."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    if senders_ca is not None:
        context.load_verify_locations(senders_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
