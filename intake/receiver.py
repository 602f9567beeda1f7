"""A DICOM storage receiver that uploads films to the uploads bucket.

It answers success only once S3 has the film. Until then the sender still has it, gets a failure
status, and sends it again. The object's key follows from the SOP instance, so the same film sent
twice is one version, and a corrected one is the next version. Films are never parsed here: `render`
does that in a sandbox. With `identities`, a sandbox makes the copy for the bucket, and the identity
stays in an encrypted file.
"""

import logging
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom.uid import (
    AllTransferSyntaxes,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
)
from pynetdicom import AE

from intake.apart import Apart, NotKept
from intake.bucket import Bucket, BucketAway, Film, object_key
from intake.identities import Identities
from intake.server import BoundedServer, Bounds, make_server
from intake.spool import IncomingFilm, Refusal, Spool

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_TAKEN = (ComputedRadiographyImageStorage, DigitalXRayImageStorageForPresentation)
_VERIFICATION = "1.2.840.10008.1.1"

logger = logging.getLogger("intake")


@dataclass(frozen=True)
class Settings:
    """Settings of the receiver.

    `senders` are the allowed AE titles, `patience` the time limit for S3 in seconds.
    """

    bucket: str
    title: str
    senders: Sequence[str]
    spool: Path
    spool_bytes: int
    patience: float
    prefix: str = ""


class Receiver:
    """The receiver; with `identities`, the bucket gets copies without the patient's identity."""

    def __init__(
        self, settings: Settings, s3: "S3Client", identities: Identities | None = None
    ) -> None:
        self.settings = settings
        self.apart = Apart(identities, settings.prefix) if identities else None
        self.bucket = Bucket(s3, settings.bucket, settings.patience)
        self.spool = Spool(settings.spool, settings.spool_bytes)
        self._server: BoundedServer | None = None

    def start(self, host: str, port: int, tls: ssl.SSLContext | None) -> int:
        """Start to listen in background threads, with the spool open; return the port."""
        entity = AE(ae_title=self.settings.title)
        entity.add_supported_context(_VERIFICATION)
        for storage in _TAKEN:
            entity.add_supported_context(storage, AllTransferSyntaxes)
        bounds = Bounds(self.settings.title, self.settings.senders, self.settings.patience)
        self._server = make_server((host, port), entity, tls, bounds, self.spool, self._store)
        threading.Thread(target=self._server.serve_forever, name="receiver", daemon=True).start()
        return int(self._server.server_address[1])

    def stop(self) -> None:
        """Stop listening and end all associations; senders repeat films without an answer."""
        if self._server is not None:
            self._server.shutdown()
            self._server = None
        self.spool.close()
        if self.apart:
            self.apart.close()

    def _store(self, film: IncomingFilm, instance_uid: str, sender: str) -> Refusal | None:
        """Upload a film and log one line, or return the refusal."""
        key = (
            self.apart.key_of(instance_uid)
            if self.apart
            else object_key(self.settings.prefix, instance_uid)
        )
        began, size, cause = time.monotonic(), film.size / 2**20, ""
        try:
            file, digest = film.whole(), film.digest
            refusal = film.refusal
            if file is not None and self.apart:
                digest = self.apart.keep(film, file, instance_uid)
            if file is not None:
                new = self.bucket.store(Film(file, key, digest))
        except NotKept as refused:
            refusal = refused.refusal
        except BucketAway as error:
            refusal, cause = Refusal.S3_AWAY, f" ({error})"
        except Exception as error:  # noqa: BLE001 - its words may hold what the sender sent
            refusal, cause = Refusal.FAILED, f" ({type(error).__name__})"
        if refusal:
            logger.warning("Refused a film of %s: %s%s", sender, refusal.reason, cause)
            return refusal
        verb, seconds = "Stored" if new else "Had already", time.monotonic() - began
        logger.info("%s %s of %s, %.1f MB, in %.2f s.", verb, key, sender, size, seconds)
        return None
