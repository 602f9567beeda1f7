"""Invalid requests are refused in a sentence, and are never server errors."""

import base64
import json
from typing import Any

import pytest

from worklist.rules.listing import Wanted, read_wanted
from worklist.rules.review import WrongRequest, read_submitted

LONE_SURROGATE = json.loads('"\\ud800"')
REVIEW = {"id": "0123456789abcdef", "answers": "2026-11-22T10:15:30.000Z", "reading": "NORMAL"}


def cursor(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


@pytest.mark.parametrize(
    "wanted",
    [
        {"view": []},
        {"view": {}},
        {"finding": []},
        {"finding": {"a": 1}},
        {"finding": 0},
        {"text": LONE_SURROGATE},
        {"text": None},
        {"size": 1e3},
        {"since": "0001-01-01T00:00:00+14:00"},
        {"until": "9999-12-31T23:59:59Z"},
        {"until": "9999-12-31T23:59:59-14:00"},
        {"until": "2026-11-22T10:15:30"},
        {"until": []},
        {"cursor": cursor(1.0, "")},
        {"cursor": cursor(True, "")},
        {"cursor": cursor(0, LONE_SURROGATE)},
        {"cursor": cursor(0, "x" * 10_000)},
        {"cursor": cursor([], "")},
        {"cursor": base64.urlsafe_b64encode(b"[" * 100_000).decode()},
        {"cursor": "ä"},
        {"cursor": 7},
    ],
)
def test_an_invalid_list_request_is_refused(wanted: dict[str, Any]) -> None:
    with pytest.raises(WrongRequest):
        read_wanted(wanted)


@pytest.mark.parametrize(
    "given",
    [
        {"note": LONE_SURROGATE},
        {"note": []},
        {"reading": []},
        {"reading": None},
        {"id": []},
        {"answers": 7},
    ],
)
def test_a_review_that_cannot_be_stored_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(WrongRequest):
        read_submitted(REVIEW | given)


@pytest.mark.parametrize("time", ["1900-01-01T00:00:00+14:00", "2999-12-31T23:59:59-14:00"])
def test_the_earliest_and_the_latest_time_can_be_asked_for(time: str) -> None:
    wanted = read_wanted({"since": time, "until": time})
    assert isinstance(wanted, Wanted)
    for stage in wanted.stages:
        for part in stage.parts:
            assert all(wanted.bounds(part))
