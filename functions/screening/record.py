"""The screening record: what is known of one film, and whether its alert went out."""

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from screening.clock import stamp
from screening.judgement import Answer, Finding, judge
from screening.upload import Upload


class AlertState(StrEnum):
    PENDING = "PENDING"
    SENT = "SENT"
    NOT_NEEDED = "NOT_NEEDED"


@dataclass(frozen=True)
class Claim:
    """The right to send a record's alert: one invocation's, until it is certainly over.

    It keeps deliveries of the same upload from each sending the alert; and since it expires, an
    invocation that dies between record and alert leaves the alert to a later delivery.
    """

    by: str
    until: str


@dataclass(frozen=True)
class Record:
    key: str
    version: str
    bucket: str
    etag: str
    size: int
    uploaded: str
    classified: str
    finding: Finding
    cutoff: Decimal
    alert: AlertState
    probability: Decimal | None = None
    model: str | None = None
    variant: str | None = None
    reason: str | None = None
    alerted: str | None = None
    claimed_by: str | None = None
    claimed_until: str | None = None

    def awaits_alert_of(self, claim: Claim) -> bool:
        return self.alert is AlertState.PENDING and self.claimed_by == claim.by


def screened(upload: Upload, answer: Answer, cutoff: Decimal, at: datetime, claim: Claim) -> Record:
    finding = judge(answer.probability, cutoff)
    record = _record(upload, finding, cutoff, at)
    record |= asdict(answer)
    if finding is Finding.PNEUMONIA:
        record |= {
            "alert": AlertState.PENDING,
            "claimed_by": claim.by,
            "claimed_until": claim.until,
        }
    return Record(**record)


def rejected(upload: Upload, reason: str, cutoff: Decimal, at: datetime) -> Record:
    return Record(**_record(upload, Finding.REJECTED, cutoff, at), reason=reason)


def _record(upload: Upload, finding: Finding, cutoff: Decimal, at: datetime) -> dict[str, Any]:
    return {
        "key": upload.key,
        "version": upload.version,
        "bucket": upload.bucket,
        "etag": upload.etag,
        "size": upload.size,
        "uploaded": upload.uploaded,
        "classified": stamp(at),
        "finding": finding,
        "cutoff": cutoff,
        "alert": AlertState.NOT_NEEDED,
    }
