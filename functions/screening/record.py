"""The screening record of one upload, and the state of its alert.

The diagram has the states of an alert. Each arrow is one conditional write of screenings_table.py:

    NORMAL ── add ──> NOT_NEEDED ── rejudge: positive, to be alerted ──────────────┐
                                                                                   v
    PNEUMONIA, REJECTED ── add ──> PENDING, claimed ── release: not sent ──> PENDING, free
                                    │   │   ^                                      │
                                    │   │   └──────── claim: the next delivery ────┤
                                    │   └── the claim expired: holder died ────────┘
                                    └── mark_sent ──> SENT

Only the holder of the claim sends the alert. If the holder dies after sending the alert and before
recording that, the next holder sends it again: twice is better than never.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from screening.clock import stamp
from screening.facts import REFUSED, Facts, facts_from, plain
from screening.judgement import Finding, Judgement
from screening.rendition import Rendered
from screening.upload import Upload


class AlertState(StrEnum):
    PENDING = "PENDING"
    SENT = "SENT"
    NOT_NEEDED = "NOT_NEEDED"


@dataclass(frozen=True)
class Claim:
    """The right to send a record's alert; it belongs to one invocation until it expires.

    It prevents that two deliveries of the same upload both send the alert. Since it expires, a
    later delivery can send the alert of an invocation that died after writing the record.
    """

    by: str
    until: str


@dataclass(frozen=True)
class Record:
    """One upload's record. Times are stamps; `alerted` is when the alert was marked as sent.

    `earlier` are the judgements before the last one, oldest first. The table sets `expires` when it
    writes the record. `facts` are those of a DICOM file. `digest` is the SHA-256 of the upload's
    bytes, if they were read. `same_as` is an earlier version under the same key with the same
    bytes: its judgement was copied, and its alert covers this upload too.
    """

    key: str
    version: str
    bucket: str
    etag: str
    size: int
    uploaded: str
    judgement: Judgement
    alert: AlertState
    alerted: str | None = None
    claim: Claim | None = None
    earlier: tuple[Judgement, ...] = ()
    expires: str | None = field(default=None, compare=False)
    facts: Facts | None = None
    digest: str | None = None
    same_as: str | None = None

    @property
    def repeats(self) -> bool:
        """Return whether the record only repeats one of an earlier version with the same bytes."""
        return self.same_as is not None and not self.earlier

    def awaits_alert_of(self, claim: Claim) -> bool:
        return (
            self.alert is AlertState.PENDING
            and self.claim is not None
            and self.claim.by == claim.by
        )

    @property
    def upload(self) -> Upload:
        """Return the upload that this record is about."""
        upload = Upload.of(
            key=self.key,
            version=self.version,
            bucket=self.bucket,
            etag=self.etag,
            size=self.size,
            uploaded=self.uploaded,
        )
        # A film that had a rendition is screened again by the same rendition.
        has_one = self.facts is not None and self.facts.rendering != REFUSED
        rendered = Rendered(self.facts, self.same_as) if has_one else None
        return replace(upload, rendered=rendered, digest=self.digest)


def screened(upload: Upload, judgement: Judgement, claim: Claim) -> Record:
    """Return an upload's first record, with a claimed alert unless the finding is NORMAL.

    A reject needs an alert, too: a person must look at it. Test films send no alert.
    """
    alerted = judgement.finding is not Finding.NORMAL and not upload.is_check
    return Record(
        key=upload.key,
        version=upload.version,
        bucket=upload.bucket,
        etag=upload.etag,
        size=upload.size,
        uploaded=upload.uploaded,
        judgement=judgement,
        alert=AlertState.PENDING if alerted else AlertState.NOT_NEEDED,
        claim=claim if alerted else None,
        facts=upload.rendered.facts if upload.rendered else None,
        digest=upload.digest,
    )


def repeated(upload: Upload, twin: Record, claim: Claim) -> Record:
    """Return the first record of an upload with the same bytes as an earlier version, its twin.

    If the twin's alert was sent, or not needed, that holds for this upload too. If the twin's alert
    is pending and nobody sends it, this upload's alert is sent instead.
    """
    record = replace(
        screened(upload, twin.judgement, claim),
        facts=twin.facts,
        same_as=twin.same_as or twin.version,
    )
    if twin.alert is AlertState.PENDING:
        return record
    return replace(record, alert=twin.alert, alerted=twin.alerted, claim=None)


def twin_of(upload: Upload, others: Iterable[Record]) -> Record | None:
    """Return the record of a film with the same bytes under the same key.

    A reject is not a twin: its cause, e.g. an outdated network or a wrong container, may have been
    removed. So the upload is screened first, and only then compared with the reject.
    """
    return _first(
        each
        for each in others
        if each.judgement.finding is not Finding.REJECTED and _same_bytes(upload, each)
    )


def rejected_twin_of(upload: Upload, code: str, others: Iterable[Record]) -> Record | None:
    """Return the record of the same rejection of the same bytes under the same key."""
    return _first(
        each for each in others if each.judgement.code == code and _same_bytes(upload, each)
    )


def _same_bytes(upload: Upload, record: Record) -> bool:
    """Compare digests, or ETags if a digest is missing, e.g. in records of older versions.

    Equal ETags mean equal bytes. But equal bytes may have different ETags, if they are encrypted
    with a KMS key or were uploaded in different parts.
    """
    if upload.digest and record.digest:
        return upload.digest == record.digest
    return (upload.etag, upload.size) == (record.etag, record.size)


def _first(twins: Iterable[Record]) -> Record | None:
    """Return the earliest of the records with a sent alert, or of all if there are none."""
    ranked = sorted(twins, key=lambda each: (each.alert is not AlertState.SENT, each.uploaded))
    return ranked[0] if ranked else None


def rejudged(record: Record, judgement: Judgement, *, alert: bool) -> Record:
    """Return the record with a new judgement in front of the old ones.

    With `alert`, a new positive without an alert gets a pending one, free to be claimed; otherwise
    that is left for another run. A positive that was alerted keeps its alert state, whatever the
    new finding is. A reject is alerted when the film is first screened, never after rescreening.
    """
    state = record.alert
    if unheard(record, judgement):
        state = AlertState.PENDING if alert else AlertState.NOT_NEEDED
    return replace(
        record,
        judgement=judgement,
        alert=state,
        earlier=(*record.earlier, record.judgement),
    )


def unheard(record: Record, judgement: Judgement) -> bool:
    """Return whether a new judgement is a positive and no alert reported a positive before.

    An alert that was sent was about a rejection if no earlier judgement was positive.
    """
    positive_before = any(
        each.finding is Finding.PNEUMONIA for each in (record.judgement, *record.earlier)
    )
    alerted = record.alert is not AlertState.NOT_NEEDED and positive_before
    return judgement.finding is Finding.PNEUMONIA and not alerted


# --- the flat form: items of the table, messages for programs, output of `look-up` ---

_PLAIN = ("key", "version", "bucket", "etag", "uploaded", "alerted", "digest", "same_as")
_JUDGEMENT = tuple(each.name for each in fields(Judgement))


def attributes(record: Record) -> dict[str, Any]:
    """Return the known fields as names and plain values."""
    flat: dict[str, Any] = {name: getattr(record, name) for name in _PLAIN}
    flat |= {"size": record.size, "alert": record.alert.value, "expires": record.expires}
    flat |= judgement_attributes(record.judgement)
    if record.facts:
        flat |= {"facts": plain(record.facts), "note": record.facts.note}
    if record.claim:
        flat |= {"claimed_by": record.claim.by, "claimed_until": record.claim.until}
    if record.earlier:
        flat["earlier"] = [judgement_attributes(each) for each in record.earlier]
    return {name: value for name, value in flat.items() if value is not None}


def judgement_attributes(judgement: Judgement) -> dict[str, Any]:
    flat = vars(judgement) | {"finding": judgement.finding.value}
    return {name: value for name, value in flat.items() if value is not None}


def record_from(flat: Mapping[str, Any]) -> Record:
    """Return the record of an item; unknown names are left out."""
    end = flat.get("expires")
    return Record(
        **{name: flat[name] for name in _PLAIN if name in flat},
        size=int(flat["size"]),
        judgement=_judgement_from(flat),
        facts=facts_from(flat["facts"]) if "facts" in flat else None,
        alert=AlertState(flat["alert"]),
        claim=Claim(flat["claimed_by"], flat["claimed_until"]) if "claimed_by" in flat else None,
        earlier=tuple(_judgement_from(each) for each in flat.get("earlier", ())),
        # DynamoDB needs this one in epoch seconds.
        expires=None if end is None else stamp(datetime.fromtimestamp(int(end), UTC)),
    )


def _judgement_from(flat: Mapping[str, Any]) -> Judgement:
    values = {name: flat[name] for name in _JUDGEMENT if name in flat}
    return Judgement(**values | {"finding": Finding(flat["finding"])})
