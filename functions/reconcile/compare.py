"""Compare the bucket with the table; both the schedule and the command use this."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from screening.lost import Span
from screening.upload import Upload

MOST_HELD = 10_000  # uploads in memory


class Versions(Protocol):
    """The bucket: its object versions, a page at a time."""

    def pages(self, prefix: str) -> Iterator[Sequence[Upload]]: ...


class Records(Protocol):
    def without_record(self, uploads: Sequence[Upload]) -> list[Upload]: ...


class Announcer(Protocol):
    def announce(self, uploads: Sequence[Upload]) -> None: ...


@dataclass(frozen=True)
class Tally:
    """Progress: versions seen, versions without a record, versions enqueued again."""

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
    """Enqueue each upload without a record; yields the tally after each page.

    A film that waits for its next try has no record either, and enqueuing it every hour of an
    outage would fill the queue with copies. So if the missing uploads are no more than the
    `waiting` messages, none is enqueued. If they are more, some are lost; since it is unknown
    which, all are enqueued. A copy costs a look at the table, and no film is screened twice.

    Uploads before the stamp `overdue` are always enqueued: without an outage no queue holds them
    that long, and if some films always wait, a lost one would never be noticed. Films of a backfill
    wait for days, so none is looked for while `backfilling`.
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
