"""The object versions that must have a record. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from screening.clock import stamp
from screening.upload import Upload

_FIRST = stamp(datetime(1970, 1, 1, tzinfo=UTC))


@dataclass(frozen=True)
class Span:
    """The uploads from `since` until before `until`, as stamps."""

    since: str
    until: str

    def __contains__(self, upload: Upload) -> bool:
        return self.since <= upload.uploaded < self.until and not upload.is_folder_marker


def span(now: datetime, grace: timedelta, since: datetime | None, retention_days: int) -> Span:
    """Return the period in which every upload must have a record.

    `grace` is the time that a film may take to get one. A film whose record has expired looks like
    one that never had a record, so the period begins when the oldest records expire, less a day,
    since DynamoDB removes expired records late.
    """
    oldest = _FIRST if since is None else stamp(since)
    if retention_days:
        oldest = max(oldest, stamp(now - timedelta(days=retention_days - 1)))
    return Span(oldest, stamp(now - grace))
