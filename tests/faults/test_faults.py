"""Each service that the functions call fails in every possible way, one at a time."""

import itertools

import pytest

from tests.e2e.application import DICOM, POSITIVE, wait_until
from tests.faults.broken_cloud import BrokenCloud
from tests.faults.conftest import RESULTS
from tests.faults.faults import FAULTS, REJECTED, REPEATED, SHRUGGED, WAITED, Fault

_numbers = itertools.count()
ROWS = [pytest.param(each, id=each.name, marks=[pytest.mark.slow] * each.slow) for each in FAULTS]


@pytest.mark.parametrize("fault", ROWS)
def test_a_positive_film_survives(cloud: BrokenCloud, fault: Fault) -> None:
    ledger = cloud.ledger
    name, body = f"fault-{next(_numbers)}", DICOM if fault.dicom else POSITIVE
    key = f"{name}.dcm" if fault.dicom else f"{name}.jpeg"
    waits_in_queue = fault.expected not in (REJECTED, SHRUGGED, WAITED)
    given_back = cloud.given_back
    with cloud.proxy.fault(fault.operation, fault.act) as met:
        film = ledger.drop(key, body)
        if waits_in_queue:
            wait_until(lambda: cloud.given_back > given_back, "a failed try", 60)
            during = ledger.record(film)
            assert during is None or during.alert == "PENDING"
            assert cloud.waiting() + cloud.waiting("RenditionsQueueUrl") == 1
        elif fault.expected == WAITED:
            wait_until(lambda: len(met) > 2, "a question asked again", 60)
        else:
            cloud.settle()
        assert met
    cloud.settle()
    if not waits_in_queue:
        assert cloud.given_back == given_back
    record = ledger.record(film)
    assert record
    ledger.collect()
    if fault.expected == REJECTED:
        assert record.judgement.finding == "REJECTED"
        assert record.judgement.reason
        assert ledger.alerts[film] == ledger.told[film] == 1
    else:
        assert (record.judgement.finding, record.alert) == ("PNEUMONIA", "SENT")
        most = 5 if fault.expected == REPEATED else 1
        assert 1 <= ledger.alerts[film] <= most
        assert 1 <= ledger.told[film] <= most
    RESULTS.append((fault.name, fault.expected, f"as expected; alerts: {ledger.alerts[film]}"))
