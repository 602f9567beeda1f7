"""Times in records: ISO 8601, UTC, milliseconds; in this form, text sorts by time."""

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)


def stamp(time: datetime) -> str:
    """Return the time in ISO 8601, UTC, e.g. 2026-11-22T10:15:30.123Z."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
