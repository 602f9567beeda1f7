"""A result in all its forms, from the record in the table and the film's header in the bucket."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pydicom.dataset import Dataset

from aws.errors import AWS_ERRORS, name_of
from aws.screenings_table import Screenings
from delivery.destination import Away, Result
from delivery.settings import Results
from results.fhir import bundle
from results.header import UnreadableHeader, read_header
from results.hl7 import message
from results.instances import instances
from screening.formats import Format, format_of
from screening.record import Record
from screening.refusals import TryAgain
from screening.rendition import rendition_key
from screening.result import Told, as_judged

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_HEADER_BYTES = 256 * 1024  # the pixels of a film begin long before
_GONE = {"NoSuchKey", "NoSuchVersion", "404", "MethodNotAllowed", "405"}


class NothingToDeliver(Exception):
    """There is no result, or none that belongs to a patient; the message says why."""


@dataclass(frozen=True)
class Films:
    screenings: Screenings
    s3: "S3Client"
    settings: Results
    renditions: str | None = None  # the bucket with pictures of DICOM films, where it may be read

    def result(self, told: Told) -> Result:
        """Build what a message tells of; raises Away (of AWS) or NothingToDeliver."""
        try:
            stored = self.screenings.find(told.key, told.version)
        except TryAgain as error:
            raise Away(str(error)) from None
        record = as_judged(stored, told.judged) if stored else None
        if record is None:
            raise NothingToDeliver("its record has ended")
        header = self._header(record)
        if header is None and not self.settings.without_patient:
            raise NothingToDeliver("the film is no DICOM file, so it has no patient")
        return Result(
            name=f"{told.log_id} {record.judgement.finding} {told.judged}",
            instances=instances(
                record,
                header,
                precision=told.precision,
                picture=self._picture(record),
                flavour=self.settings.report,
            ),
            bundle=bundle(record, header, told.precision),
            message=message(record, header, told.precision),
        )

    def _picture(self, record: Record) -> bytes | None:
        """Return the film's rendition; the result goes without where that has ended."""
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
        """Return the film's header, None where it has none; raises NothingToDeliver, Away."""
        start = self._bytes(record, _HEADER_BYTES)
        if format_of(start) is not Format.DICOM:
            return None
        try:
            return read_header(start)
        except UnreadableHeader:
            if len(start) < _HEADER_BYTES:
                return None
        try:
            return read_header(self._bytes(record, None))
        except UnreadableHeader:
            return None

    def _bytes(self, record: Record, most: int | None) -> bytes:
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
                return found["Body"].read()
        except ClientError as error:
            if name_of(error) in _GONE | {"PreconditionFailed", "412"}:
                raise NothingToDeliver("the film was deleted, and its patient with it") from None
            raise Away(f"S3 refused to hand out the film: {name_of(error)}") from None
        except AWS_ERRORS as error:
            raise Away(f"the film could not be read: {name_of(error)}") from None
