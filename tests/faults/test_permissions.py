"""Each permission of the function taken away: that step fails, and only that one."""

import pytest

from tests.e2e.application import POSITIVE as FILM
from tests.e2e.application import Application, wait_until
from tests.e2e.test_outages import denied
from tests.faults.broken_cloud import BrokenCloud
from tests.faults.conftest import RESULTS

# What was called when the function gave the film up, and what must not have been called after.
STEPS = ["GetItem", "GetObject", "InvokeEndpoint", "PutItem", "PublishBatch", "UpdateItem"]


@pytest.mark.parametrize(
    ("action", "last_step"),
    [
        ("dynamodb:GetItem", "GetItem"),
        ("s3:GetObjectVersion", "GetObject"),
        ("dynamodb:PutItem", "PutItem"),
        ("sns:Publish", "PublishBatch"),
        pytest.param("dynamodb:UpdateItem", "UpdateItem", marks=pytest.mark.slow),
    ],
)
def test_without_a_permission_its_step_alone_fails(
    cloud: BrokenCloud, action: str, last_step: str
) -> None:
    before = cloud.proxy.answered.copy()
    given_back = cloud.given_back
    with cloud.short_lived_function(seconds=20):
        with denied(Application(cloud.stack), action):
            film = cloud.ledger.drop(f"denied/{action}.jpeg", FILM)
            wait_until(lambda: cloud.given_back > given_back, "a failed try", 60)
            called = cloud.proxy.answered - before
            record = cloud.ledger.record(film)
            cloud.ledger.collect()
            alerts = cloud.ledger.alerts[film]
        cloud.settle(120)
    reached = STEPS[: STEPS.index(last_step) + 1]
    assert set(reached) <= set(called)
    assert not set(STEPS[len(reached) :]) & set(called) - {"UpdateItem"}  # gives its claim back
    assert (record is not None) == (last_step in ("PublishBatch", "UpdateItem"))
    assert alerts == (last_step == "UpdateItem")
    settled = cloud.ledger.record(film)
    assert settled
    assert settled["alert"] == "SENT"
    RESULTS.append((f"without {action}", "tried again by the queue", "as expected"))
