"""The worklist's tables against moto: order, pages and filters for any list, by hypothesis."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from screening.clock import stamp
from screening.judgement import Finding, Judgement
from screening.record import AlertState, Record
from worklist.rules.entry import REJECTED_YIELDS, Entry, State, enter, with_review
from worklist.rules.listing import read_wanted
from worklist.rules.performance import measure
from worklist.rules.review import Reading, Review
from worklist.tables.reviewed import read_cases
from worklist.tables.reviews_table import ReviewsTable
from worklist.tables.worklist_table import INDEX, OF_STUDY, Changed, WorklistTable

REGION = "us-east-1"
BEGAN = datetime(2026, 11, 1, tzinfo=UTC)
NO_SAMPLE = Decimal(0)


def _create(client: Any, name: str, keys: list[str], indexes: dict[str, list[str]]) -> None:
    attributes = dict.fromkeys([*keys, *(key for each in indexes.values() for key in each)])
    kinds = ("HASH", "RANGE")
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in attributes],
        KeySchema=[
            {"AttributeName": each, "KeyType": kind}
            for each, kind in zip(keys, kinds, strict=False)
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": index,
                "KeySchema": [
                    {"AttributeName": each, "KeyType": kind}
                    for each, kind in zip(index_keys, kinds, strict=True)
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
            for index, index_keys in indexes.items()
        ],
    )


@pytest.fixture
def tables(aws_environment: None) -> Iterator[tuple[WorklistTable, ReviewsTable]]:
    with mock_aws():
        yield _tables("worklist")


def create_worklist_table(client: Any, name: str) -> None:
    _create(client, name, ["film"], {INDEX: ["part", "place"], OF_STUDY: ["study", "uploaded"]})


def create_screenings_table(client: Any, name: str) -> None:
    _create(client, name, ["key", "version"], {"latest-findings": ["finding", "classified"]})


def _tables(name: str) -> tuple[WorklistTable, ReviewsTable]:
    client = boto3.client("dynamodb", region_name=REGION)
    create_worklist_table(client, name)
    _create(client, f"{name}-reviews", ["film", "review"], {"by-time": ["month", "time"]})
    return WorklistTable(client, name), ReviewsTable(client, f"{name}-reviews")


def record(key: str, finding: str, minutes: int) -> Record:
    time = stamp(BEGAN + timedelta(minutes=minutes))
    odds = {"PNEUMONIA": Decimal("0.9"), "NORMAL": Decimal("0.02")}.get(finding)
    return Record(
        key=key,
        version="1",
        bucket="uploads",
        etag="etag",
        size=1,
        uploaded=time,
        judgement=Judgement(Finding(finding), Decimal("0.1"), time, odds),
        alert=AlertState.NOT_NEEDED,
    )


def review_of(entry: Entry, reading: str, reader: str = "one", name: str = "abcdef01") -> Review:
    time = stamp(datetime.fromisoformat(entry.uploaded) + timedelta(hours=1))
    return Review(
        film=entry.film,
        review=name,
        month=time[:7],
        reader=reader,
        time=time,
        reading=Reading(reading),
        score_seen=not entry.hidden,
        finding=entry.finding,
        cutoff=entry.cutoff,
        probability=entry.probability,
        uploaded=entry.uploaded,
        classified=entry.classified,
        hidden=entry.hidden,
        chance=entry.chance,
    )


def _expected(entries: list[Entry], view: str, finding: str, text: str) -> list[str]:
    def wanted(entry: Entry) -> bool:
        return (not finding or finding == entry.finding or entry.hidden) and text in entry.key

    def waits(entry: Entry) -> str:
        yields = REJECTED_YIELDS if entry.finding == "REJECTED" else timedelta(0)
        return stamp(datetime.fromisoformat(entry.uploaded) + yields) + entry.film

    chosen = [entry for entry in entries if wanted(entry)]
    first = sorted((each for each in chosen if each.state is State.TO_REVIEW), key=waits)
    rest = sorted(
        (each for each in chosen if each.state is not State.TO_REVIEW),
        key=lambda each: each.uploaded + each.film,
        reverse=True,
    )
    reviewed = [each for each in rest if each.state is State.REVIEWED]
    shown = {"to-review": first, "reviewed": reviewed, "all": first + rest}[view]
    return [each.film for each in shown]


FILMS = st.lists(
    st.tuples(
        st.sampled_from(["PNEUMONIA", "NORMAL", "REJECTED"]),
        st.integers(0, 600),
        st.sampled_from(["", "PNEUMONIA", "NORMAL", "UNSURE"]),
        st.booleans(),
    ),
    max_size=40,
)


@settings(max_examples=20, deadline=None)
@given(
    films=FILMS,
    view=st.sampled_from(["to-review", "reviewed", "all"]),
    finding=st.sampled_from(["", "PNEUMONIA", "NORMAL", "REJECTED"]),
    text=st.sampled_from(["", "even"]),
    size=st.integers(1, 7),
)
def test_all_pages_together_are_the_list(
    films: list[tuple[str, int, str, bool]], view: str, finding: str, text: str, size: int
) -> None:
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        worklist, _ = _tables("worklist")
        entries = []
        for number, (found, minutes, reading, hidden) in enumerate(films):
            key = f"{'even' if number % 2 == 0 else 'odd'}-{number}.jpeg"
            entry = enter(record(key, found, minutes), NO_SAMPLE)
            entry = replace(entry, hidden=hidden and found != "REJECTED")
            if reading:
                entry = with_review(entry, review_of(entry, reading))
            worklist.put(entry)
            entries.append(entry)
        shown: list[str] = []
        cursor = ""
        for _ in range(len(films) + 3):
            asked = {"view": view, "finding": finding, "text": text, "size": size}
            page = worklist.page(read_wanted({**asked, "cursor": cursor}))
            assert len(page.entries) <= size
            shown += [entry.film for entry in page.entries]
            cursor = page.cursor
            if not cursor:
                break
        assert cursor == ""
        assert shown == _expected(entries, view, finding, text)


def test_the_list_is_limited_to_a_period(tables: tuple[WorklistTable, ReviewsTable]) -> None:
    worklist, _ = tables
    for minutes in range(0, 100, 10):
        worklist.put(enter(record(f"{minutes}.jpeg", "REJECTED", minutes), NO_SAMPLE))
    since, until = (stamp(BEGAN + timedelta(minutes=each)) for each in (20, 40))
    page = worklist.page(read_wanted({"since": since, "until": until}))
    assert [entry.key for entry in page.entries] == ["20.jpeg", "30.jpeg", "40.jpeg"]


def test_a_film_uploaded_meanwhile_neither_repeats_nor_hides_another(
    tables: tuple[WorklistTable, ReviewsTable],
) -> None:
    worklist, _ = tables
    for minutes in (10, 20, 30):
        worklist.put(enter(record(f"{minutes}.jpeg", "PNEUMONIA", minutes), NO_SAMPLE))
    first = worklist.page(read_wanted({"size": 2}))
    worklist.put(enter(record("5.jpeg", "PNEUMONIA", 5), NO_SAMPLE))
    worklist.put(enter(record("25.jpeg", "PNEUMONIA", 25), NO_SAMPLE))
    second = worklist.page(read_wanted({"size": 2, "cursor": first.cursor}))
    shown = [entry.key for entry in first.entries + second.entries]
    assert shown == ["10.jpeg", "20.jpeg", "25.jpeg", "30.jpeg"]


def test_a_stale_entry_is_not_written(tables: tuple[WorklistTable, ReviewsTable]) -> None:
    worklist, _ = tables
    entry = enter(record("film.jpeg", "PNEUMONIA", 0), NO_SAMPLE)
    worklist.put(entry)
    with pytest.raises(Changed):
        worklist.put(entry)
    standing = worklist.find(entry.film)
    assert standing
    worklist.put(with_review(standing, review_of(entry, "NORMAL")))
    again = enter(record("film.jpeg", "NORMAL", 0), NO_SAMPLE, worklist.find(entry.film))
    assert again.readings == {"one": Reading.NORMAL}, "readings stay with a film screened again"


def test_a_review_and_its_entry_are_written_together_or_not_at_all(
    tables: tuple[WorklistTable, ReviewsTable],
) -> None:
    worklist, reviews = tables
    entry = enter(record("film.jpeg", "PNEUMONIA", 0), NO_SAMPLE)
    worklist.put(entry)
    standing = worklist.find(entry.film)
    assert standing
    review = review_of(standing, "PNEUMONIA")
    with pytest.raises(Changed):
        reviews.add(review, worklist.write(with_review(entry, review)))
    assert reviews.of_film(entry.film) == []
    assert reviews.add(review, worklist.write(with_review(standing, review))) is True
    assert reviews.of_film(entry.film) == [review]
    changed = worklist.find(entry.film)
    assert changed
    other = replace(review, reading=Reading.NORMAL)
    assert reviews.add(other, worklist.write(with_review(changed, other))) is False
    assert reviews.of_film(entry.film) == [review], "a review is never overwritten"


def test_performance_counts_the_films_of_the_period(
    tables: tuple[WorklistTable, ReviewsTable],
) -> None:
    worklist, reviews = tables
    # Read, not read yet, drawn and read, read without being drawn, and uploaded before the period.
    plan = [("a", "PNEUMONIA", True, 60), ("b", "PNEUMONIA", False, 60), ("c", "NORMAL", True, 60)]
    plan += [("d", "NORMAL", True, 60), ("e", "PNEUMONIA", True, 0)]
    for key, finding, read, minutes in plan:
        entry = enter(record(key, finding, minutes), NO_SAMPLE)
        if key == "c":
            entry = replace(entry, hidden=True, chance=Decimal("0.5"))
        worklist.put(entry)
        standing = worklist.find(entry.film)
        assert standing
        if read:
            said = review_of(standing, "PNEUMONIA", name=f"abcdef{ord(key):02x}")
            reviews.add(said, worklist.write(with_review(standing, said)))
    since = BEGAN + timedelta(minutes=30)
    found = measure(read_cases(worklist, reviews, since, since + timedelta(days=40)))
    assert (found.positives, found.positives_read, found.confirmed) == (2, 1, 1)
    assert (found.drawn, found.drawn_read, found.missed) == (1, 1, 1)


def test_a_page_reads_as_much_of_a_long_list_as_of_a_short_one(
    tables: tuple[WorklistTable, ReviewsTable],
) -> None:
    """So the first page of 100,000 films is as fast as that of 100."""
    worklist, _ = tables
    read: list[int] = []
    worklist.client.meta.events.register(
        "after-call.dynamodb.Query", lambda parsed, **_: read.append(parsed["ScannedCount"])
    )
    entries = [
        enter(record(f"{number}.jpeg", found, number), NO_SAMPLE)
        for number, found in enumerate(["PNEUMONIA", "NORMAL", "REJECTED"] * 100)
    ]
    sums = []
    for part in (entries[:30], entries[30:]):
        for entry in part:
            worklist.put(entry)
        read.clear()
        worklist.page(read_wanted({"view": "all", "size": 10}))
        sums.append(sum(read))
    short, long = sums
    assert long <= short + 10
    assert long <= 3 * 11
