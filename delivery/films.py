"""Build a result in all its forms, from the record and the film's header.

The header is in the bucket or, if the film's identity was kept on site, in the identity file: the
copy in the bucket has none.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pydicom.dataset import Dataset

from aws.errors import AWS_ERRORS, name_of
from aws.screenings_table import Screenings
from delivery.destination import Away, Result
from delivery.settings import Results
from imaging.derived_uid import METHOD
from intake.bucket import DIGEST
from intake.identities import Identities
from results.fhir import bundle
from results.header import UnreadableHeader, read_header
from results.hl7 import message
from results.instances import instances
from screening.formats import Format, format_of
from screening.record import Record
from screening.refusals import TryAgain
from screening.rendition import rendition_key
from screening.result import ResultRequest, as_judged

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_HEADER_BYTES = 256 * 1024  # the pixels of a film begin well before this
_GONE = {"NoSuchKey", "NoSuchVersion", "404", "MethodNotAllowed", "405"}


class NothingToDeliver(Exception):
    """There is no result, or none that belongs to a patient; the message says why."""


class NoIdentity(Exception):
    """The film's identity is not on site, so its result waits; the message says what to do."""


@dataclass(frozen=True)
class _Start:
    """The first bytes of a film, or all, and the digest that `receive` stored with them."""

    data: bytes
    digest: str


@dataclass(frozen=True)
class Films:
    screenings: Screenings
    s3: "S3Client"
    settings: Results
    renditions: str | None = None  # the bucket with renditions of DICOM films, if it may be read
    identities: Identities | None = field(default=None, repr=False)

    def result(self, request: ResultRequest) -> Result:
        """Build the result for a message; raise Away (of AWS), NothingToDeliver or NoIdentity."""
        try:
            stored = self.screenings.find(request.key, request.version)
        except TryAgain as error:
            raise Away(str(error)) from None
        record = as_judged(stored, request.judged) if stored else None
        if record is None:
            raise NothingToDeliver("its record has expired")
        header = self._header(record)
        if header is None and not self.settings.without_patient:
            raise NothingToDeliver("the film is not a DICOM file, so its patient is unknown")
        return Result(
            name=f"{request.log_id} {record.judgement.finding} {request.judged}",
            instances=instances(
                record,
                header,
                precision=request.precision,
                picture=self._picture(record),
                flavour=self.settings.report,
            ),
            bundle=bundle(record, header, request.precision),
            message=message(record, header, request.precision),
        )

    def _picture(self, record: Record) -> bytes | None:
        """Return the film's rendition, or None once it has expired.

        The result has no picture then.
        """
        if self.renditions is None or record.facts is None:
            return None
        key = rendition_key(record.key, record.same_as or record.version)
        try:
            found = self.s3.get_object(Bucket=self.renditions, Key=key)
            with found["Body"]:
                return found["Body"].read()
        except ClientError as error:
            if name_of(error) in _GONE:
                return None
            raise Away(f"S3 refused to hand out the rendition: {name_of(error)}") from None
        except AWS_ERRORS as error:
            raise Away(f"the rendition could not be read: {name_of(error)}") from None

    def _header(self, record: Record) -> Dataset | None:
        """Return the film's header, or None if it has none.

        Raises NothingToDeliver, NoIdentity, Away.
        """
        start = self._start(record, _HEADER_BYTES)
        if format_of(start.data) is not Format.DICOM:
            return None
        try:
            header = read_header(start.data)
        except UnreadableHeader:
            if len(start.data) < _HEADER_BYTES:
                return None
            try:
                header = read_header(self._start(record, None).data)
            except UnreadableHeader:
                return None
        if header.get("DeidentificationMethod") == METHOD:
            return self._identity(record, start.digest)
        return header

    def _identity(self, record: Record, digest: str) -> Dataset:
        """Return the header that was kept on site when the film was received."""
        if self.identities is None:
            raise NoIdentity(
                "its identity was kept on site; name the identity file by keep_identity in "
                "[results]"
            )
        kept = self.identities.find(record.key, digest)
        if kept is None:
            raise NoIdentity(
                "the file at keep_identity does not have its identity; name the file that "
                "`receive` writes"
            )
        return read_header(kept)

    def _start(self, record: Record, most: int | None) -> _Start:
        upload = record.upload
        which: dict[str, str] = (
            {"VersionId": upload.version_id}
            if upload.version_id
            else {"IfMatch": f'"{upload.etag}"'}
        )
        if most is not None and upload.size:
            which["Range"] = f"bytes=0-{most - 1}"
        try:
            found = self.s3.get_object(Bucket=upload.bucket, Key=upload.key, **which)  # type: ignore[arg-type]
            with found["Body"]:
                return _Start(found["Body"].read(), found["Metadata"].get(DIGEST, ""))
        except ClientError as error:
            if name_of(error) in _GONE | {"PreconditionFailed", "412"}:
                raise NothingToDeliver("the film was deleted, so its patient is unknown") from None
            raise Away(f"S3 refused to hand out the film: {name_of(error)}") from None
        except AWS_ERRORS as error:
            raise Away(f"the film could not be read: {name_of(error)}") from None
