"""Ten times the films cost ten times as much, and no more memory."""

import pytest

from tests.faults.broken_cloud import BrokenCloud
from tests.faults.conftest import RESULTS
from tests.faults.load import load
from tests.faults.throttle import Throttle


@pytest.mark.slow
def test_two_hundred_at_once_cost_ten_times_as_much_as_twenty(cloud: BrokenCloud) -> None:
    few, many = (load(cloud, f"load-{films}", films) for films in (20, 200))
    for measured, films in ((few, 20), (many, 200)):
        for call in ("Query", "GetObject", "InvokeEndpoint", "PutItem"):
            assert measured.calls[call] == films
        assert measured.calls["UpdateItem"] == films / 2  # the positives
        assert measured.calls["PublishBatch"] <= films / 2
    assert many.most_waiting > few.most_waiting
    RESULTS.append(("200 films at once", "each call once for each film", "as expected"))


@pytest.mark.slow
def test_an_endpoint_that_throttles_is_kept_busy_and_costs_no_film_a_try(
    cloud: BrokenCloud,
) -> None:
    """The endpoint takes five films at once; two batches of ten ask it."""
    films, at_once, seconds = 500, 5, 0.5
    given_back = cloud.given_back
    throttle = Throttle(at_once, seconds)
    with cloud.proxy.fault("InvokeEndpoint", throttle):
        took = load(cloud, "throttled", films)
    assert throttle.turned_away
    assert cloud.given_back == given_back
    assert cloud.waiting("UploadsDeadLetterQueueUrl") == 0
    needed = films * seconds / at_once
    assert took.elapsed < 2 * needed
    RESULTS.append(
        (
            f"{films} films at once, for an endpoint that throttles all but {at_once}",
            "waited out within the same try",
            f"done in {took.elapsed:.0f} s; the endpoint alone needs {needed:.0f} s",
        )
    )
