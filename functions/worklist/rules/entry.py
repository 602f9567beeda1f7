"""A film's place in the worklist: what the list shows of it and where it stands. Pure.

Entries follow the screening records and the reviews and can be made anew from the two.
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

# A rejected film stands behind the positives until it has waited this long; then it goes first.
REJECTED_YIELDS = timedelta(hours=4)


class State(StrEnum):
    TO_REVIEW = "to-review"
    REVIEWED = "reviewed"
    DISPUTED = "disputed"  # reviewed by readers who differ, until one more decides
    # A negative, a reject that a newer version replaced, or a film of a backfill.
    NOT_ASKED = "not-asked"


HIDDEN = "HIDDEN"  # stands for the finding of a film that is to be read without its score


@dataclass(frozen=True)
class Entry:
    """`readings` holds each reader's last word. `place` orders a part of the list, as text.

    `replaced` names the film that was screened in this one's place: the newest version of its key.
    `accession` to `view` are those of a DICOM film. While one reader looks at the film,
    `reading_by` keeps others from starting on it; it ends by itself.
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
    chance: Decimal | None = None  # that it was to be read without its score
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
        """The folder that it was dropped into: a ward, a device, a site."""
        return self.key.partition("/")[0] if "/" in self.key else ""

    @property
    def text(self) -> str:
        """What a search looks through."""
        facts = (self.key, self.accession, self.study, self.view, self.age)
        return "\n".join(fact for fact in facts if fact).lower()

    def hides_score_from(self, reader: str) -> bool:
        return self.hidden and reader not in self.readings

    def is_read_by(self, at: str) -> str | None:
        """Return the reader who looks at the film at that time, if somebody does."""
        return self.reading_by if (self.reading_until or "") > at else None


def place(part: str, time: str) -> str:
    """Return where a film uploaded at that time stands in a part of the list.

    What must be read stands in the order of its uploads, so that nothing is ever overtaken for
    good: rejected films yield to the positives of the next hours and then go before them.
    """
    if part == f"{State.TO_REVIEW}#REJECTED":
        return stamp(datetime.fromisoformat(time) + REJECTED_YIELDS)
    return time


def replacement(record: Record, versions: Iterable[Record]) -> str | None:
    """Return the film that was screened in the place of a rejected one, if there is one.

    `versions` are the records of all versions of its key. Whoever drops a better file under the
    same name has answered the reject.
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
    """Return the entry for a record as it is now; readings stay with the film.

    `versions` are the records of all versions of its key, where it was rejected. A judgement that
    is not `fresh` may have been mailed with its score before the worklist knew of it: such a film
    is never drawn to be read blind. Once drawn it stays so, until it is judged again.
    """
    film = film_name(record.key, record.version)
    judged = record.judgement
    same = before is not None and before.classified == judged.classified
    likely, hidden = None, False
    if before is not None and same:
        likely, hidden = before.chance, before.hidden
    elif judged.probability is not None and not is_backfill_key(record.key):
        likely = chance(judged.probability, judged.cutoff, share)
        hidden = fresh and drawn(film, likely)
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


def with_review(entry: Entry, review: Review) -> Entry:
    return replace(
        entry,
        readings={**entry.readings, review.reader: review.reading},
        reviewed=review.time,
        reading_by=None,
        reading_until=None,
    )
