"""Each service that the function calls fails in every way that it can, one at a time."""

import itertools

import pytest

from tests.e2e.application import POSITIVE, wait_until
from tests.faults.broken_cloud import BrokenCloud
from tests.faults.conftest import RESULTS
from tests.faults.faults import FAULTS, REJECTED, REPEATED, SHRUGGED, Fault

_numbers = itertools.count()
ROWS = [pytest.param(each, id=each.name, marks=[pytest.mark.slow] * each.slow) for each in FAULTS]


@pytest.mark.parametrize("fault", ROWS)
def test_a_positive_film_survives(cloud: BrokenCloud, fault: Fault) -> None:
    ledger = cloud.ledger
    key = f"fault-{next(_numbers)}.jpeg"
    waits_in_queue = fault.expected not in (REJECTED, SHRUGGED)
    given_back = cloud.given_back
    with cloud.proxy.fault(fault.operation, fault.act) as met:
        film = ledger.drop(key, POSITIVE)
        if waits_in_queue:
            wait_until(lambda: cloud.given_back > given_back, "a failed try", 60)
            during = ledger.record(film)
            assert during is None or during.alert == "PENDING"
            assert cloud.waiting() == 1
        else:
            cloud.settle()
            assert cloud.given_back == given_back
        assert met
    cloud.settle()
    record = ledger.record(film)
    assert record
    ledger.collect()
    if fault.expected == REJECTED:
        assert record.judgement.finding == "REJECTED"
        assert record.judgement.reason
        assert ledger.alerts[film] == ledger.told[film] == 0
    else:
        assert (record.judgement.finding, record.alert) == ("PNEUMONIA", "SENT")
        most = 5 if fault.expected == REPEATED else 1
        assert 1 <= ledger.alerts[film] <= most
        assert 1 <= ledger.told[film] <= most
    RESULTS.append((fault.name, fault.expected, f"as expected; alerts: {ledger.alerts[film]}"))
