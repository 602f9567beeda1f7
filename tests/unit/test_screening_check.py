"""Test films of `cxr-alert check`: recognised by a reserved key, without an alert."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from screening.judgement import Answer, judge, reject
from screening.record import AlertState, Claim, screened
from screening.refusals import Rejected
from screening.upload import CHECK_PREFIX, Upload, is_check_key

KEY = f"{CHECK_PREFIX}{'0123456789abcdef' * 2}"
UPLOAD = Upload.of(
    key=KEY, version="1", bucket="b", etag="e", size=1, uploaded="2026-11-22T10:15:30.123Z"
)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
JUDGEMENTS = (
    judge(Answer(Decimal("0.9"), "net", None), Decimal("0.1"), NOW),
    reject(Rejected("deleted", "The film is gone."), Decimal("0.1"), NOW),
)


@pytest.mark.parametrize(
    "key",
    [CHECK_PREFIX, f"{CHECK_PREFIX}film.jpeg", f"{KEY}.jpeg", f"x{KEY}", f"{KEY}\n", KEY.upper()],
)
def test_a_film_of_a_hospital_is_none(key: str) -> None:
    assert is_check_key(KEY)
    assert not is_check_key(key)


def test_whatever_becomes_of_a_test_film_nobody_is_alerted() -> None:
    claim = Claim("me", "2026-11-22T10:16:30.123Z")
    for judgement in JUDGEMENTS:
        record = screened(UPLOAD, judgement, claim)
        assert (record.alert, record.claim) == (AlertState.NOT_NEEDED, None)
        real = screened(replace(UPLOAD, key="ward/film.jpeg"), judgement, claim)
        assert real.alert is AlertState.PENDING
