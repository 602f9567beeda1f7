"""The worklist's rules: rights, order, sampling, reviews and reminders."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from screening.facts import Facts
from screening.film_name import film_name
from screening.judgement import Finding, Judgement
from screening.precision import LocalPrecision
from screening.record import AlertState, Record, rejudged
from screening.sampling import POSITIVES_HIDDEN, chance, drawn
from tests.unit.templates import read
from worklist.api import PACS_LINK
from worklist.rules.entry import Entry, State, enter, with_review
from worklist.rules.film import film, pacs_link
from worklist.rules.listing import read_wanted, row
from worklist.rules.overdue import is_overdue, overdue_since, subject, text
from worklist.rules.review import Decision, Reading, Review, WrongRequest, decide, read_submitted
from worklist.rules.rights import NoRight, Right, person

CUTOFF = Decimal("0.1")
UPLOADED = "2026-11-22T10:15:30.000Z"
CLASSIFIED = "2026-11-22T10:15:31.000Z"


def record(probability: str | None, key: str = "ward 3/Müller, Jörg.jpeg") -> Record:
    odds = None if probability is None else Decimal(probability)
    finding = Finding.REJECTED
    if odds is not None:
        finding = Finding.PNEUMONIA if odds >= CUTOFF else Finding.NORMAL
    judgement = Judgement(finding, CUTOFF, CLASSIFIED, odds, "net-1")
    return Record(key, "v1", "uploads", "etag", 7, UPLOADED, judgement, AlertState.NOT_NEEDED)


def entry(probability: str | None = "0.9", share: str = "0") -> Entry:
    return enter(record(probability), Decimal(share))


def review(of: Entry, reading: Reading, reader: str = "one") -> Review:
    return Review(
        film=of.film,
        review="abcdef01",
        month="2026-11",
        reader=reader,
        time="2026-11-22T12:00:00.000Z",
        reading=reading,
        score_seen=True,
        finding=of.finding,
        cutoff=of.cutoff,
        uploaded=of.uploaded,
        classified=of.classified,
        hidden=of.hidden,
        probability=of.probability,
    )


@pytest.mark.parametrize(
    ("groups", "rights"),
    [
        ("[readers]", {Right.LOOK, Right.REVIEW}),
        ("[administrators]", {Right.LOOK, Right.PERFORMANCE}),
        ("[readers administrators]", set(Right)),
        ("[readers-of-another-kind]", set()),
        ("", set()),
    ],
)
def test_rights_come_from_groups(groups: str, rights: set[Right]) -> None:
    claims = {"username": "lee", "token_use": "access", "cognito:groups": groups}
    assert person(claims).rights == rights
    for right in set(Right) - rights:
        with pytest.raises(NoRight, match="lee may not do this"):
            person(claims).must(right)


@pytest.mark.parametrize(
    "claims",
    [{}, {"username": "lee", "token_use": "id"}, {"username": "", "token_use": "access"}],
)
def test_a_token_that_is_no_persons_access_token_has_no_rights(claims: dict[str, object]) -> None:
    with pytest.raises(NoRight):
        person(claims)


def test_a_film_is_identified_by_a_hash_that_reveals_no_name() -> None:
    assert film_name("Müller.jpeg", "v1") != film_name("Müller.jpeg", "v2")
    assert len(film_name("Müller.jpeg", "v1")) == 32


@pytest.mark.parametrize(
    ("probability", "readings", "state"),
    [
        ("0.9", [], State.TO_REVIEW),
        ("0.9", ["UNSURE"], State.TO_REVIEW),
        ("0.9", ["UNSURE", "NORMAL"], State.REVIEWED),
        ("0.01", [], State.NOT_ASKED),
        ("0.01", ["PNEUMONIA"], State.REVIEWED),
        (None, [], State.TO_REVIEW),
        (None, ["UNSURE", "SET_ASIDE"], State.REVIEWED),
    ],
)
def test_a_film_is_reviewed_after_a_sure_reading(
    probability: str | None, readings: list[str], state: State
) -> None:
    at = entry(probability)
    for number, reading in enumerate(readings):
        at = with_review(at, review(at, Reading(reading), f"reader {number}"))
    assert at.state is state


def test_the_latest_reading_of_a_reader_counts() -> None:
    first = with_review(entry(), review(entry(), Reading.PNEUMONIA))
    changed = with_review(first, review(first, Reading.NORMAL))
    assert changed.readings == {"one": Reading.NORMAL}


def test_a_reject_is_replaced_by_the_newest_version_that_was_screened() -> None:
    reject = record(None)
    older = replace(record("0.9"), version="v0", uploaded="2026-11-22T09:00:00.000Z")
    newer = replace(record("0.9"), version="v2", uploaded="2026-11-22T11:00:00.000Z")
    newest = replace(newer, version="v3", uploaded="2026-11-22T12:00:00.000Z")
    bad_again = replace(record(None), version="v4", uploaded="2026-11-22T13:00:00.000Z")
    left = enter(reject, Decimal(0), versions=[older, reject, bad_again])
    assert (left.replaced, left.state) == (None, State.TO_REVIEW)
    gone = enter(reject, Decimal(0), versions=[older, reject, newer, newest, bad_again])
    assert (gone.replaced, gone.state) == (film_name(newest.key, "v3"), State.NOT_ASKED)
    assert row(gone, "one")["replaced"] == gone.replaced
    positive = replace(newer, uploaded=UPLOADED)
    assert enter(positive, Decimal(0), versions=[positive, newest]).replaced is None


def test_positives_of_the_next_four_hours_come_before_a_reject() -> None:
    rejected = entry(None)
    assert rejected.place.startswith("2026-11-22T14:15:30.000Z")
    assert entry().place.startswith(UPLOADED)


def test_the_chance_grows_towards_the_cutoff() -> None:
    share = Decimal("0.02")
    odds = [Decimal(each) for each in ("0", "0.05", "0.0999")]
    chances = [chance(each, CUTOFF, share) for each in odds]
    assert chances == sorted(chances)
    assert chances[0] == share
    assert Decimal("0.19") < chances[-1] <= Decimal("0.2")
    assert chance(Decimal("0.5"), CUTOFF, share) == POSITIVES_HIDDEN
    assert chance(Decimal("0.5"), CUTOFF, Decimal(0)) == 0
    assert chance(Decimal("0.09"), CUTOFF, Decimal("0.9")) == 1


def test_films_are_drawn_with_their_chance_and_reproducibly() -> None:
    films = [film_name(f"{number}.jpeg", "v") for number in range(20_000)]
    hits = [drawn(each, Decimal("0.05")) for each in films]
    assert 0.045 < sum(hits) / len(hits) < 0.055
    assert hits == [drawn(each, Decimal("0.05")) for each in films]
    assert not any(drawn(each, Decimal(0)) for each in films)
    assert all(drawn(each, Decimal(1)) for each in films)


def judged_again(before: Record, probability: str, minute: int) -> Record:
    judgement = record(probability).judgement
    at = f"2026-11-22T10:{minute}:00.000Z"
    return rejudged(before, replace(judgement, classified=at), alert=True)


def test_a_positive_that_was_mailed_is_not_drawn_when_it_is_judged_again() -> None:
    share = Decimal(1)  # each negative would be drawn
    keys = [f"{number}.jpeg" for number in range(100)]
    kept, mailed = (
        next(each for each in keys if drawn(film_name(each, "v1"), POSITIVES_HIDDEN) is hidden)
        for hidden in (True, False)
    )
    for key, still_hidden in ((kept, True), (mailed, False)):
        positive = record("0.9", key)
        first = enter(positive, share)
        assert first.hidden is still_hidden
        assert enter(judged_again(positive, "0.02", 30), share, first).hidden is still_hidden
    positive = record("0.9", kept)
    assert not enter(judged_again(positive, "0.02", 30), share, None).hidden, "no entry knows of it"


def test_a_drawn_negative_stays_drawn_unless_it_was_mailed_as_a_positive_meanwhile() -> None:
    share = Decimal(1)
    negative = record("0.02", "1.jpeg")
    assert not drawn(film_name("1.jpeg", "v1"), POSITIVES_HIDDEN)
    first = enter(negative, share)
    assert first.hidden
    again = judged_again(negative, "0.03", 30)
    assert enter(again, share, first).hidden
    assert enter(again, share, None).hidden
    positive = judged_again(negative, "0.9", 30)
    mailed = enter(positive, share, first)
    assert not mailed.hidden
    for before in (mailed, first, None):  # each change may have been missed
        assert not enter(judged_again(positive, "0.02", 40), share, before).hidden


def test_a_hidden_score_is_in_no_answer_to_its_reader() -> None:
    hidden = entry("0.02", share="1")
    assert hidden.hidden
    other = review(hidden, Reading.PNEUMONIA, "another")
    at = with_review(hidden, other)
    shown = film(at, record("0.02"), [other], "one")
    for name in ("finding", "probability", "decisions", "disputed"):
        assert name not in shown
    assert shown["reviews"] == []
    assert "model" not in shown["record"]
    own = review(at, Reading.NORMAL)
    after = film(with_review(at, own), record("0.02"), [other, own], "one")
    assert after["probability"] == 0.02
    assert after["disputed"]
    assert len(after["reviews"]) == 2


def test_the_entry_remains_after_its_record_has_expired() -> None:
    assert film(entry(), None, [], "one")["finding"] == "PNEUMONIA"


def test_local_precision_is_shown_beside_positives_with_a_score() -> None:
    precision = LocalPrecision(41, 50, 0.69, 0.902)
    shown = film(entry(), None, [], "one", precision=precision)
    assert shown["precision"].startswith("Here, 41 of the last 50 such alerts were confirmed")
    assert film(entry("0.02"), None, [], "one", precision=precision)["precision"] is None
    hidden = replace(entry(), hidden=True)
    assert film(hidden, None, [], "one", precision=precision)["precision"] is None
    assert row(entry(None), "one")["probability"] is None


@pytest.mark.parametrize(
    ("reading", "finding", "decision"),
    [
        (Reading.PNEUMONIA, "PNEUMONIA", Decision.CONFIRMED),
        (Reading.NORMAL, "PNEUMONIA", Decision.OVERRULED),
        (Reading.PNEUMONIA, "NORMAL", Decision.OVERRULED),
        (Reading.NORMAL, "REJECTED", Decision.READ),
        (Reading.UNSURE, "REJECTED", Decision.UNSURE),
        (Reading.SET_ASIDE, "REJECTED", Decision.SET_ASIDE),
        (Reading.SET_ASIDE, "PNEUMONIA", Decision.SET_ASIDE),
    ],
)
def test_a_reading_answers_a_finding(reading: Reading, finding: str, decision: Decision) -> None:
    assert decide(reading, finding) is decision


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"id": "abcdef01", "reading": "PNEUMONIA"},
        {"id": "short", "reading": "PNEUMONIA", "answers": CLASSIFIED},
        {"id": "abcdef01", "reading": "MAYBE", "answers": CLASSIFIED},
        {"id": "abcdef01", "reading": "NORMAL", "answers": CLASSIFIED, "note": "x" * 2001},
        {"id": "abcdef01", "reading": "NORMAL", "answers": CLASSIFIED, "note": 7},
    ],
)
def test_an_invalid_review_is_refused(body: object) -> None:
    with pytest.raises(WrongRequest):
        read_submitted(body)


@pytest.mark.parametrize(
    "body",
    [
        None,
        {"view": "x"},
        {"finding": "x"},
        {"text": 7},
        {"text": "x" * 201},
        {"size": 101},
        {"size": "50"},
        {"since": "2026-11-22T10:15:30"},
        {"until": 7},
        {"cursor": "x"},
        {"cursor": 7},
        {"cursor": "WzksICJhIl0="},
    ],
)
def test_an_invalid_filter_is_refused(body: object) -> None:
    with pytest.raises(WrongRequest):
        read_wanted(body)


def test_only_positives_that_waited_too_long_are_in_a_reminder_once() -> None:
    before = overdue_since(datetime(2026, 11, 22, 15, tzinfo=UTC), 4)
    assert is_overdue(entry(), before)
    assert not is_overdue(entry(), overdue_since(datetime(2026, 11, 22, 14, tzinfo=UTC), 4))
    assert not is_overdue(entry("0.01"), before)
    assert not is_overdue(with_review(entry(), review(entry(), Reading.NORMAL)), before)


def test_a_film_of_a_backfill_needs_no_review_but_can_be_found() -> None:
    old = enter(record("0.9", "backfill/2019/1.jpeg"), Decimal(1))
    assert old.state is State.NOT_ASKED
    assert not old.hidden
    assert not is_overdue(old, overdue_since(datetime(2026, 11, 29, tzinfo=UTC), 4))
    parts = {part for stage in read_wanted({"view": "all"}).stages for part in stage.parts}
    assert old.part in parts
    assert with_review(old, review(old, Reading.NORMAL)).state is State.REVIEWED


def test_the_reminder_links_to_films_and_names_none() -> None:
    many = [enter(record("0.9", f"Ann {number}.jpeg"), Decimal(0)) for number in range(25)]
    said = text(many, 4, "https://worklist.example.org")
    assert f"https://worklist.example.org/#film/{many[0].film}" in said
    assert "and 5 more" in said
    assert "Ann" not in said + subject(many)
    assert subject(many[:1]) == "Not reviewed yet: 1 film"
    assert "1 film with possible pneumonia has waited over 4 hours" in text(many[:1], 4, "")


@pytest.mark.parametrize(
    ("readings", "state"),
    [
        (["PNEUMONIA", "NORMAL"], State.DISPUTED),
        (["PNEUMONIA", "SET_ASIDE"], State.DISPUTED),
        (["PNEUMONIA", "UNSURE"], State.REVIEWED),
        (["PNEUMONIA", "NORMAL", "NORMAL"], State.REVIEWED),
        (["PNEUMONIA", "NORMAL", "UNSURE"], State.DISPUTED),
    ],
)
def test_readers_who_differ_leave_a_film_disputed_until_one_more_decides(
    readings: list[str], state: State
) -> None:
    at = entry()
    for number, reading in enumerate(readings):
        at = with_review(at, review(at, Reading(reading), f"reader {number}"))
    assert at.state is state
    assert row(at, "one")["disputed"] is (state is State.DISPUTED)


def test_disputed_films_have_a_list_and_are_in_the_others_too() -> None:
    disputed, reviewed, every = (
        read_wanted({"view": view}).parts for view in ("disputed", "reviewed", "all")
    )
    assert all(part.startswith("disputed#") for part in disputed)
    assert set(disputed) < set(reviewed) < set(every)


def test_accession_number_study_view_and_age_are_shown_and_searched() -> None:
    facts = Facts("DX", "window", study_uid="1.2.840.77", accession_number="ACC-55", view="PA")
    known = enter(replace(record("0.9"), facts=replace(facts, age="004Y")), Decimal(0))
    shown = row(known, "one")
    assert (shown["accession"], shown["study"], shown["age"], shown["view"]) == (
        *("ACC-55", "1.2.840.77", "004Y", "PA"),
    )
    for searched in ("acc-55", "1.2.840.77", "004y", "müller"):
        assert searched in known.text


@pytest.mark.parametrize(
    ("template", "accession", "link"),
    [
        (
            "https://pacs/v?accession={}",
            "A 1&b=c/#",
            "https://pacs/v?accession=A%201%26b%3Dc%2F%23",
        ),
        ("https://pacs/v?accession={}", None, None),
        ("", "A1", None),
    ],
)
def test_a_link_into_the_pacs_contains_only_the_accession_number(
    template: str, accession: str | None, link: str | None
) -> None:
    assert pacs_link(template, accession) == link


@pytest.mark.parametrize(
    ("template", "good"),
    [
        ("", True),
        ("https://pacs/viewer?accession={}", True),
        ("http://pacs/viewer?accession={}", False),
        ("javascript:alert({})//https://", False),
        ("https://pacs/viewer", False),
        ("https://pacs/{}/{}", False),
        ('https://pacs/"{}', False),
    ],
)
def test_only_an_https_address_with_one_placeholder_is_a_pacs_link(
    template: str, good: bool
) -> None:
    pattern = read("functions/worklist/template.yaml").whole["Parameters"]["PacsLink"]
    assert pattern["AllowedPattern"] == PACS_LINK
    assert bool(re.fullmatch(PACS_LINK, template)) is good


def test_a_film_is_claimed_by_one_reader_for_a_while() -> None:
    at = replace(entry(), reading_by="lee", reading_until="2026-11-22T10:20:00.000Z")
    assert row(at, "roe", "2026-11-22T10:19:00.000Z")["beingReadBy"] == "lee"
    assert row(at, "lee", "2026-11-22T10:19:00.000Z")["beingReadBy"] is None
    assert row(at, "roe", "2026-11-22T10:20:00.000Z")["beingReadBy"] is None
    assert with_review(at, review(at, Reading.UNSURE, "lee")).reading_by is None


def test_a_reminder_of_blinded_readings_does_not_reveal_the_findings() -> None:
    blind = [enter(record(each), Decimal(1)) for each in ("0.02",)]
    blind += [replace(entry("0.93"), hidden=True)]
    before = overdue_since(datetime(2026, 11, 22, 15, tzinfo=UTC), 4)
    assert all(is_overdue(each, before) for each in blind)
    said = text(blind, 4, "https://worklist.example.org")
    assert "2 films to be read without the score have waited over 4 hours for it." in said
    assert "pneumonia" not in said
