"""A flood of positives: programs get every alert, and nobody's mailbox is flooded."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pytest

from aws.topic import Topic
from cxr_alert.local import mail
from screening.config import DEFAULT_CUTOFF
from screening.judgement import Answer, judge
from screening.messages import alert_message
from screening.record import Claim, screened
from screening.upload import Upload
from tests.faults.broken_cloud import BrokenCloud
from tests.faults.conftest import RESULTS
from tests.faults.ledger import Film

AT = datetime(2026, 11, 22, 10, 15, 31, tzinfo=UTC)


def alert(cloud: BrokenCloud, film: Film) -> None:
    """Publish a positive's alert as the function does; screening so many would be too slow."""
    upload = Upload(*film, "uploads", film[1], "e1", 100, "2026-11-22T10:15:30.000Z")
    judgement = judge(Answer(Decimal("0.93"), None, None), DEFAULT_CUTOFF, AT)
    record = screened(upload, judgement, Claim("the flood", "2026-11-22T10:17:31.123Z"))
    topic = Topic(cloud.stack.sns, cloud.stack.outputs["AlertsTopicArn"])
    assert topic.publish([alert_message(record)]) == [None]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "films", "rate"),
    [("2,000 positives at once", 2000, None), ("20 positives a second", 600, 20)],
)
def test_a_flood_of_positives_becomes_few_mails(
    cloud: BrokenCloud, name: str, films: int, rate: int | None
) -> None:
    folder = mail.directory(cloud.stack.settings.state) / "new"
    before = set(folder.glob("*"))
    began = time.monotonic()

    def publish(number: int) -> Film:
        if rate:
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
        film = (f"{name}/{number}.jpeg", "v1")
        alert(cloud, film)
        return film

    with ThreadPoolExecutor(16) as pool:
        flood = list(pool.map(publish, range(films)))
    cloud.settle(240)
    ledger = cloud.ledger
    ledger.collect()
    assert {ledger.alerts.pop(film) for film in flood} == {1}
    assert {ledger.told.pop(film) for film in flood} == {1}

    mails = sorted(each.stat().st_mtime for each in set(folder.glob("*")) - before)
    for first, third in zip(mails, mails[2:], strict=False):
        assert third - first >= 1, "more than two messages within a second"
    longest = max((after - one for one, after in pairwise(mails)), default=0)
    RESULTS.append(
        (
            name,
            "one alert each to programs, at most two mails a second",
            f"{len(mails)} mails in {mails[-1] - mails[0]:.0f} s, "
            f"{longest:.1f} s between two at most",
        )
    )
