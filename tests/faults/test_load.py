"""Ten times the films cost ten times as much, and no more memory."""

import pytest

from tests.faults.broken_cloud import BrokenCloud
from tests.faults.conftest import RESULTS
from tests.faults.load import load


@pytest.mark.slow
def test_two_hundred_at_once_cost_ten_times_what_twenty_do(cloud: BrokenCloud) -> None:
    few, many = (load(cloud, f"load-{films}", films) for films in (20, 200))
    for measured, films in ((few, 20), (many, 200)):
        for call in ("GetItem", "GetObject", "InvokeEndpoint", "PutItem"):
            assert measured.calls[call] == films
        assert measured.calls["UpdateItem"] == films / 2  # the positives
        assert measured.calls["PublishBatch"] <= films / 2
    assert many.most_waiting > few.most_waiting
    RESULTS.append(("200 films at once", "each call once for each film", "as expected"))
