"""No upload falls between two passes of reconcile, however long they take."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from reconcile.passes import Mark, next_pass, overdue_before, read_pass, write_pass
from screening.clock import stamp

BEGAN = datetime(2026, 11, 1, tzinfo=UTC)


@given(lasting=st.lists(st.integers(1, 40 * 24), min_size=1, max_size=20), days=st.integers(1, 29))
def test_each_pass_compares_the_uploads_since_the_last_one_began(
    lasting: list[int], days: int
) -> None:
    at, last = BEGAN, None
    for hours in lasting:
        current = next_pass(at, last, days)
        assert current.since <= stamp(at - timedelta(days=min(days, 2)))
        if last:
            assert current.since < last.began
        going = replace(current, after=Mark("key", "version"))
        assert next_pass(at + timedelta(hours=1), read_pass(write_pass(going)), days) == going
        at, last = at + timedelta(hours=hours), current


def test_one_pass_a_day_is_thorough() -> None:
    last, thorough = None, []
    for hour in range(49):
        at = BEGAN + timedelta(hours=hour)
        last = next_pass(at, last, 14)
        if last.thorough:
            thorough.append(hour)
            assert last.since == stamp(at - timedelta(days=14))
            assert overdue_before(at, last) == stamp(at - timedelta(days=1))
        else:
            assert overdue_before(at, last) == ""
    assert thorough == [0, 24, 48]


def test_after_an_unreadable_state_a_new_pass_begins() -> None:
    for text in (None, "", "[]", "{}", '{"after": 3}', '{"after": null, "began": "x"}'):
        assert read_pass(text) is None
