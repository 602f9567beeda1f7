"""Compare the bucket with the table; the function on its schedule and the command both do it so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from screening.lost import Span
from screening.upload import Upload

MOST_HELD = 10_000  # uploads, in memory


class Versions(Protocol):
    """The bucket: its object versions, a page at a time."""

    def pages(self, prefix: str) -> Iterator[Sequence[Upload]]: ...


class Records(Protocol):
    def without_record(self, uploads: Sequence[Upload]) -> list[Upload]: ...


class Announcer(Protocol):
    def announce(self, uploads: Sequence[Upload]) -> None: ...


@dataclass(frozen=True)
class Tally:
    """How far the comparison is: versions seen, those without a record, those announced anew."""

    seen: int = 0
    missing: int = 0
    announced: int = 0


def compare(
    versions: Versions,
    records: Records,
    queue: Announcer,
    *,
    prefix: str,
    within: Span,
    waiting: int,
    backfilling: bool = False,
    overdue: str = "",
) -> Iterator[Tally]:
    """Announce each upload without a record to the uploads queue; yields the tally page by page.

    A film that waits for its next try has no record either, and to announce it every hour of an
    outage would fill the queue with copies. So as long as all that are missing may be among the
    `waiting`, none is announced; if there are more, some are lost, and which ones cannot be told:
    all are announced, since a copy costs a look at the table and no film is screened twice. Those
    uploaded before the stamp `overdue` are announced in any case: no queue holds them that long
    without an outage, and where some films always wait, one that is lost would never stand out.
    Films of a backfill wait for days: none of them is looked for while `backfilling`.
    """
    tally = Tally()
    held: list[Upload] = []
    free = False
    for page in versions.pages(prefix):
        missing = records.without_record(
            [each for each in page if each in within and not (backfilling and each.is_backfill)]
        )
        late = [upload for upload in missing if upload.uploaded < overdue]
        held += [upload for upload in missing if upload.uploaded >= overdue]
        tally = Tally(tally.seen + len(page), tally.missing + len(missing), tally.announced)
        if free or tally.missing > min(waiting, MOST_HELD):
            free = True
            late += held
            held = []
        if late:
            queue.announce(late)
            tally = replace(tally, announced=tally.announced + len(late))
        yield tally
