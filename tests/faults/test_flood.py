"""A bulk drop of positives: every program hears of each, and nobody's mailbox is flooded."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from local import mail
from tests.e2e.application import POSITIVE
from tests.faults.broken_cloud import BrokenCloud
from tests.faults.conftest import RESULTS

FILMS = 500
MOST_A_SECOND = 10  # to one e-mail subscription; past it, SNS suspends it


@pytest.mark.slow
def test_five_hundred_positives_at_once(cloud: BrokenCloud) -> None:
    folder = mail.directory(cloud.stack.settings.state) / "new"
    before = set(folder.glob("*"))
    with ThreadPoolExecutor(16) as pool:
        films = list(
            pool.map(lambda n: cloud.ledger.drop(f"flood/{n}.jpeg", POSITIVE), range(FILMS))
        )
    cloud.settle(240)
    cloud.ledger.collect()
    assert {cloud.ledger.alerts[film] for film in films} == {1}
    assert {cloud.ledger.told[film] for film in films} == {1}

    mails = set(folder.glob("*")) - before
    times = sorted(mail.stat().st_mtime for mail in mails)
    busiest = max(Counter(int(time) for time in times).values())
    assert busiest < MOST_A_SECOND
    RESULTS.append(
        (
            "500 positives at once",
            "one alert each to programs, few mails to people",
            f"{len(mails)} mails in {times[-1] - times[0]:.0f} s, {busiest} in the busiest second",
        )
    )
