"""Find films without a record by command, for any time and prefix."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from aws.uploads_bucket import Versions
from cxr_alert.operate.application import Application
from reconcile.compare import Tally, compare
from screening.clock import now
from screening.lost import span

GRACE = timedelta(minutes=15)


def reconcile(
    application: Application, prefix: str, since: datetime | None, grace: timedelta = GRACE
) -> Iterator[Tally]:
    """Send films without a record that are older than a while to the queue; yield the tally."""
    yield from compare(
        Versions(application.s3, application.outputs["UploadsBucketName"]),
        application.screenings,
        application.uploads_queues,
        prefix=prefix,
        within=span(now(), grace, since, int(application.settings["RECORD_RETENTION_DAYS"])),
        waiting=application.films_waiting().total,
        backfilling=application.backfill_waiting().total > 0,
    )
