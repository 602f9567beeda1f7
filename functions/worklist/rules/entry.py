"""A film's entry in the worklist: its columns and its place in the order. Pure.

Entries can be rebuilt from the screening records and the reviews at any time.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from screening.clock import stamp
from screening.film_name import film_name
from screening.judgement import Finding
from screening.record import Record
from screening.sampling import chance, drawn
from screening.upload import is_backfill_key
from worklist.rules.review import Reading, Review, is_disputed

# A reject is sorted as if it had been uploaded this much later, so that positives come first.
REJECTED_YIELDS = timedelta(hours=4)


class State(StrEnum):
    TO_REVIEW = "to-review"
    REVIEWED = "reviewed"
    DISPUTED = "disputed"  # readers disagree; one more has to decide
    # a negative, a reject replaced by a newer version, or a film of a backfill
    NOT_ASKED = "not-asked"


HIDDEN = "HIDDEN"  # instead of the finding of a film for a blinded reading


@dataclass(frozen=True)
class Entry:
    """`readings` holds each reader's latest reading; `place` is the text that a part is sorted by.

    `replaced` names the film that was screened instead of this one: the newest version of its key.
    `accession` to `view` are set for a DICOM film only. While one reader has the film open,
    `reading_by` keeps others from starting on it; it expires.
    """

    film: str
    key: str
    version: str
    uploaded: str
    classified: str
    finding: str
    cutoff: Decimal
    probability: Decimal | None = None
    model: str | None = None
    chance: Decimal | None = None  # of being drawn for a blinded reading
    hidden: bool = False
    readings: dict[str, Reading] = field(default_factory=dict)
    reviewed: str | None = None
    reminded: str | None = None
    replaced: str | None = None
    accession: str | None = None
    study: str | None = None
    age: str | None = None
    view: str | None = None
    reading_by: str | None = None
    reading_until: str | None = None
    revision: int = 0

    @property
    def state(self) -> State:
        if is_disputed(self.readings):
            return State.DISPUTED
        if any(reading is not Reading.UNSURE for reading in self.readings.values()):
            return State.REVIEWED
        if self.replaced or is_backfill_key(self.key):
            return State.NOT_ASKED
        if self.finding != "NORMAL" or self.hidden:
            return State.TO_REVIEW
        return State.NOT_ASKED

    @property
    def part(self) -> str:
        return f"{self.state}#{HIDDEN if self.hidden else self.finding}"

    @property
    def place(self) -> str:
        return f"{place(self.part, self.uploaded)}#{self.film}"

    @property
    def group(self) -> str:
        """The folder that it was uploaded to: a ward, a device, a site."""
        return self.key.partition("/")[0] if "/" in self.key else ""

    @property
    def text(self) -> str:
        """The text that a search looks at."""
        facts = (self.key, self.accession, self.study, self.view, self.age)
        return "\n".join(fact for fact in facts if fact).lower()

    def hides_score_from(self, reader: str) -> bool:
        return self.hidden and reader not in self.readings

    def is_read_by(self, at: str) -> str | None:
        """Return the reader who has the film open at that time, if there is one."""
        return self.reading_by if (self.reading_until or "") > at else None


def place(part: str, time: str) -> str:
    """Return the sort key, within a part of the list, of a film uploaded at that time.

    Films to review are sorted by upload time, so that each is read in the end. A reject counts as
    uploaded some hours later: positives of those hours come first, later ones after it.
    """
    if part == f"{State.TO_REVIEW}#REJECTED":
        return stamp(datetime.fromisoformat(time) + REJECTED_YIELDS)
    return time


def replacement(record: Record, versions: Iterable[Record]) -> str | None:
    """Return the film that was screened instead of a rejected one, if there is one.

    `versions` are the records of all versions of its key: a better file of the same name settles
    the reject.
    """
    if record.judgement.finding is not Finding.REJECTED:
        return None
    screened = [
        each
        for each in versions
        if each.judgement.finding is not Finding.REJECTED and each.uploaded > record.uploaded
    ]
    newest = max(screened, key=lambda each: each.uploaded, default=None)
    return None if newest is None else film_name(newest.key, newest.version)


def enter(
    record: Record,
    share: Decimal,
    before: Entry | None = None,
    versions: Iterable[Record] = (),
    *,
    fresh: bool = True,
) -> Entry:
    """Return the entry for a record as it is now; the film keeps its readings.

    `versions` are the records of all versions of its key if it was rejected. A score may have been
    mailed if its judgement is not `fresh`, since the worklist had no entry yet, or if the film was
    a positive before. Such a film is not drawn for a blinded reading. A drawn film stays drawn
    until it is judged again.
    """
    film = film_name(record.key, record.version)
    judged = record.judgement
    same = before is not None and before.classified == judged.classified
    likely, hidden = None, False
    if before is not None and same:
        likely, hidden = before.chance, before.hidden
    elif judged.probability is not None and not is_backfill_key(record.key):
        likely = chance(judged.probability, judged.cutoff, share)
        hidden = fresh and drawn(film, likely) and not _may_have_been_mailed(record, before)
    facts = record.facts
    entry = Entry(
        film=film,
        key=record.key,
        version=record.version,
        uploaded=record.uploaded,
        classified=judged.classified,
        finding=judged.finding.value,
        cutoff=judged.cutoff,
        probability=judged.probability,
        model=judged.model,
        chance=likely,
        hidden=hidden,
        replaced=replacement(record, versions),
        accession=facts.accession_number if facts else None,
        study=facts.study_uid if facts else None,
        age=facts.age if facts else None,
        view=facts.view if facts else None,
    )
    if before is None:
        return entry
    return replace(
        entry,
        readings=before.readings,
        reviewed=before.reviewed,
        reminded=before.reminded,
        reading_by=before.reading_by,
        reading_until=before.reading_until,
        revision=before.revision,
    )


def _may_have_been_mailed(record: Record, before: Entry | None) -> bool:
    """Return whether an earlier judgement was a positive whose score was not hidden."""
    hidden_until = before.classified if before is not None and before.hidden else ""
    return any(
        each.finding is Finding.PNEUMONIA and each.classified > hidden_until
        for each in record.earlier
    )


def with_review(entry: Entry, review: Review) -> Entry:
    return replace(
        entry,
        readings={**entry.readings, review.reader: review.reading},
        reviewed=review.time,
        reading_by=None,
        reading_until=None,
    )
