"""The rules: configuration, events, answers, texts, waits. No AWS, milliseconds."""

import json
import zlib
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aws.queue import wait_seconds
from aws.topic import MOST_BYTES, MOST_MESSAGES, _calls, _entry
from screening.clock import stamp
from screening.config import DEFAULT_CUTOFF, Config, WrongConfiguration, environment_of, read_config
from screening.digest import (
    LISTED,
    Alert,
    blinded,
    digest_message,
    digests,
    network,
    read_alert,
)
from screening.facts import Facts, plain
from screening.film_name import film_name
from screening.formats import Format, format_of
from screening.judgement import (
    Answer,
    Finding,
    Judgement,
    finding_of,
    judge,
    read_probability,
    reject,
)
from screening.messages import Message, alert_message, percent
from screening.precision import LocalPrecision
from screening.record import (
    AlertState,
    Claim,
    Record,
    attributes,
    record_from,
    rejected_twin_of,
    rejudged,
    repeated,
    screened,
    twin_of,
)
from screening.refusals import Code, Rejected, TryAgain
from screening.rendition import NotRendered, Rendered, is_whole
from screening.upload import MalformedMessage, Upload, event_of, read_upload

EVENTS = Path(__file__).parents[2] / "events"
AT = datetime(2026, 11, 22, 10, 15, 31, 123456, UTC)
CLAIM = Claim("this invocation", "2026-11-22T10:17:31.123Z")
UPLOAD = Upload("ward-7/a.jpeg", "v1", "uploads", "v1", "e1", 100, "2026-11-22T10:15:30.000Z")
CONFIG = Config(
    endpoint_name="cxr-alert",
    cutoff=DEFAULT_CUTOFF,
    screenings_table="screenings",
    alerts_topic_arn="arn:aws:sns:us-east-1:123456789012:alerts",
    uploads_queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/uploads",
    uploads_backfill_queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/old-uploads",
    dead_letter_queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/dead-letters",
    renditions_queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/renditions",
    renditions_backfill_queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/old-renditions",
    renditions_bucket="renditions",
    key_arn="arn:aws:kms:us-east-1:123456789012:key/0b5c8e1a-own",
    retry_seconds=15,
    most_tries=100,
    largest_body_mb=25,
    record_retention_days=365,
    stack_name="cxr-alert",
)
ENVIRONMENT = environment_of(CONFIG)


def positive(key: str = UPLOAD.key, probability: str = "0.93") -> Record:
    upload = Upload(key, "v1", "uploads", "v1", "e1", 100, UPLOAD.uploaded)
    answer = Answer(Decimal(probability), "cxr-test-1", "AllTraffic")
    return screened(upload, judge(answer, DEFAULT_CUTOFF, AT), CLAIM)


def rejected(key: str = "b.pdf") -> Record:
    upload = Upload(key, "v1", "uploads", "v1", "e1", 100, UPLOAD.uploaded)
    reason = Rejected(Code.FORMAT, "The file is a PDF document.")
    return screened(upload, reject(reason, DEFAULT_CUTOFF, AT), CLAIM)


def alert_of(record: Record) -> Alert:
    """Return what the people queue makes of the message about a record."""
    return read_alert(alert_message(record).texts["default"])


# --- configuration ---


def test_the_configuration_is_read_once_and_typed() -> None:
    assert ENVIRONMENT["RECORD_RETENTION_DAYS"] == "365"
    assert read_config(ENVIRONMENT, Config) == CONFIG


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_a_missing_variable_is_named(name: str) -> None:
    environment = {key: value for key, value in ENVIRONMENT.items() if key != name}
    with pytest.raises(WrongConfiguration, match=f"^{name} is not set: it must be .+\\.$"):
        read_config(environment, Config)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CUTOFF", "0"),
        ("CUTOFF", "1.1"),
        ("CUTOFF", "-0.1"),
        ("CUTOFF", "10 %"),
        ("CUTOFF", "nan"),
        ("ENDPOINT_NAME", "arn:aws:sagemaker:x"),
        ("ENDPOINT_NAME", "Upper-Case"),
        ("ALERTS_TOPIC_ARN", "alerts"),
        ("SCREENINGS_TABLE", "a table"),
        ("UPLOADS_QUEUE_URL", "uploads"),
        ("RENDITIONS_QUEUE_URL", "renditions"),
        ("RENDITIONS_BUCKET", "no bucket"),
        ("RETRY_SECONDS", "0"),
        ("RETRY_SECONDS", "901"),
        ("RECORD_RETENTION_DAYS", "1"),
        ("LARGEST_BODY_MB", "26"),
        ("MOST_TRIES", "0"),
    ],
)
def test_a_wrong_variable_is_named_with_its_value(name: str, value: str) -> None:
    with pytest.raises(WrongConfiguration, match=f"^{name} is '{value}': it must be"):
        read_config(ENVIRONMENT | {name: value}, Config)


# --- events ---


def bodies(name: str) -> list[str]:
    return [record["body"] for record in json.loads((EVENTS / name).read_text())["Records"]]


def test_an_upload_is_parsed() -> None:
    (body,) = bodies("upload.json")
    upload = read_upload(body)
    assert upload
    assert asdict(upload) == {
        "key": "ward-7/film-0001.jpeg",
        "version": "683962d1ceec824cebf7fbb1027aa57d",
        "bucket": "cxr-alert-uploadsbucket-1a2b3c4d5e6f",
        "version_id": "683962d1ceec824cebf7fbb1027aa57d",
        "etag": "b2aa20462631e74dd6edd3296c22ba47",
        "size": 1234567,
        "uploaded": "2026-11-22T10:15:30.000Z",
        "rendered": None,
        "digest": None,
        "hops": 0,
        "copied": False,
    }


FACTS = Facts(modality="DX", rendering="window", study_uid="1.2.3", age="011Y")


@pytest.mark.parametrize(
    "rendered",
    [Rendered(), Rendered(FACTS), NotRendered("modality", "It is no film.")],
)
def test_an_upload_is_parsed_with_its_rendition(rendered: Rendered | NotRendered) -> None:
    read = read_upload(json.dumps(event_of(replace(UPLOAD, rendered=rendered))))
    assert read is not None
    assert (read, read.rendered) == (UPLOAD, rendered)


@pytest.mark.parametrize(
    "rendered",
    [
        *([], "x", {}, {"facts": 1}, {"facts": {"modality": "DX"}}, {"refused": {"reason": 1}}),
        {"facts": {"modality": "DX", "rendering": "x" * 200}},
    ],
)
def test_a_message_with_an_invalid_rendition_is_malformed(rendered: Any) -> None:
    event = event_of(UPLOAD)
    event["detail"]["rendered"] = rendered
    with pytest.raises(MalformedMessage):
        read_upload(json.dumps(event))


def test_a_view_or_body_part_that_is_no_term_of_the_standard_is_in_no_message() -> None:
    """People and machines write names and dates there."""
    told = replace(FACTS, view="AP", body_part="CHEST")
    wrong = replace(FACTS, view="Mustermann", body_part="MUSTERMANN 01.01.1970")
    for facts, kept in ((told, told), (wrong, FACTS)):
        body = json.dumps(event_of(replace(UPLOAD, rendered=Rendered(facts))))
        read = read_upload(body)
        assert read
        assert read.rendered == Rendered(kept)
        assert "ustermann" not in body.lower()
    # A message of an older version of `render`, or from another sender.
    event = event_of(UPLOAD)
    event["detail"]["rendered"] = {"facts": plain(wrong)}
    old = read_upload(json.dumps(event))
    assert old
    assert old.rendered == Rendered(FACTS)


@pytest.mark.parametrize(("hops", "copied", "digest"), [(0, False, None), (7, True, "d" * 64)])
def test_the_rendition_of_an_upload_is_in_the_message(
    hops: int, copied: bool, digest: str | None
) -> None:
    upload = replace(UPLOAD, hops=hops, copied=copied, digest=digest)
    read = read_upload(json.dumps(event_of(upload)))
    assert read
    assert asdict(read) == asdict(upload)


@pytest.mark.parametrize("wrong", [{"hops": -1}, {"hops": "2"}, {"digest": "x"}, {"digest": 1}])
def test_a_message_with_a_wrong_count_or_digest_is_malformed(wrong: dict[str, Any]) -> None:
    event = event_of(UPLOAD)
    event["detail"] |= wrong
    with pytest.raises(MalformedMessage):
        read_upload(json.dumps(event))


def png(*chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (len(each) - 4).to_bytes(4) + each + zlib.crc32(each).to_bytes(4) for each in chunks
    )


WHOLE = png(b"IHDR" + bytes(13), b"IDAT" + bytes(99), b"IEND")


def test_a_complete_png_is_distinguished_from_its_parts_and_from_corrupt_ones() -> None:
    assert is_whole(WHOLE)
    assert not any(is_whole(WHOLE[:length]) for length in range(len(WHOLE)))
    for at in range(len(WHOLE)):
        assert not is_whole(WHOLE[:at] + bytes([WHOLE[at] ^ 4]) + WHOLE[at + 1 :])


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60).map(lambda end: WHOLE[:8] + end))
def test_the_check_for_a_complete_png_accepts_any_bytes(data: bytes) -> None:
    assert is_whole(data) in (True, False)


# --- versions with the same bytes ---


@pytest.mark.parametrize(
    ("version", "is_twin"),
    [
        (replace(UPLOAD, digest="d" * 64), True),
        (replace(UPLOAD, digest="d" * 64, etag="other"), True),
        (replace(UPLOAD, digest="e" * 64), False),
        (UPLOAD, True),
        (replace(UPLOAD, etag="other"), False),
        (replace(UPLOAD, size=99), False),
    ],
)
def test_the_digest_decides_and_the_etag_where_there_is_none(
    version: Upload, is_twin: bool
) -> None:
    known = replace(positive(), digest="d" * 64)
    assert (twin_of(version, [known]) == known) is is_twin


def test_of_several_equal_versions_the_alerted_one_is_referenced() -> None:
    quiet = replace(positive(), version="v1", alert=AlertState.NOT_NEEDED)
    told = replace(positive(), version="v2", alert=AlertState.SENT)
    assert twin_of(UPLOAD, [quiet, told]) == told


def test_a_rejection_repeats_only_an_equal_rejection() -> None:
    assert twin_of(UPLOAD, [rejected()]) is None
    assert rejected_twin_of(UPLOAD, Code.FORMAT, [rejected()]) == rejected()
    assert rejected_twin_of(UPLOAD, Code.DELETED, [rejected()]) is None


def test_a_new_judgement_of_a_repeated_version_makes_it_a_film_of_its_own() -> None:
    twin = replace(positive(probability="0.01"), digest="d" * 64)
    again = repeated(replace(UPLOAD, version="v2", digest="d" * 64), twin, CLAIM)
    assert again.repeats
    assert not rejudged(again, positive().judgement, alert=True).repeats


@pytest.mark.parametrize("version", ["v1", "e1#0061"])
def test_the_event_of_an_upload_is_read_as_that_upload(version: str) -> None:
    upload = Upload.of(
        key="a+b%.jpeg",
        version=version,
        bucket="uploads",
        etag="e1",
        size=100,
        uploaded=UPLOAD.uploaded,
    )
    read = read_upload(json.dumps(event_of(upload)))
    assert read
    assert asdict(read) == asdict(upload)


def test_keys_are_not_unquoted() -> None:
    for body in bodies("odd-keys.json"):
        upload = read_upload(body)
        assert upload
        assert upload.key == json.loads(body)["detail"]["object"]["key"]


def test_a_duplicate_is_the_same_upload() -> None:
    first, second = map(read_upload, bodies("duplicate.json"))
    assert first == second


@pytest.mark.parametrize("version_id", [None, "null"])
def test_without_versions_etag_and_sequencer_tell_uploads_apart(version_id: str | None) -> None:
    event = json.loads(bodies("upload.json")[0])
    film = event["detail"]["object"] | {"etag": "e1", "sequencer": "0061"}
    film.pop("version-id")
    event["detail"]["object"] = film | ({"version-id": version_id} if version_id else {})
    upload = read_upload(json.dumps(event))
    assert upload
    assert (upload.version, upload.version_id) == ("e1#0061", None)


@pytest.mark.parametrize("body", bodies("foreign.json"))
def test_an_event_without_an_upload_gives_none(body: str) -> None:
    assert read_upload(body) is None


@pytest.mark.parametrize("body", [*bodies("malformed.json"), "[" * 100_000, ""])
def test_an_unreadable_message_is_malformed(body: str) -> None:
    with pytest.raises(MalformedMessage):
        read_upload(body)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=50, deadline=None)
@given(
    part=st.sampled_from(["key", "size", "etag", "version-id", "sequencer", "object", "detail"]),
    value=ANY_JSON,
)
def test_whatever_an_event_holds_it_is_an_upload_or_malformed(part: str, value: object) -> None:
    event: dict[str, Any] = json.loads(bodies("upload.json")[0])
    holder = {"object": event["detail"], "detail": event}.get(part, event["detail"]["object"])
    holder[part] = value
    try:
        upload = read_upload(json.dumps(event))
    except MalformedMessage:
        return
    assert upload
    assert upload.key
    assert upload.version


def test_no_hash_of_a_key_alone_is_in_the_log() -> None:
    """A name and a birth date can be guessed in a second; a version, drawn by S3, can't."""
    again = replace(UPLOAD, version="v2")
    assert UPLOAD.log_id == film_name("ward-7/a.jpeg", "v1")
    assert again.log_id != UPLOAD.log_id


# --- answers and findings ---


@pytest.mark.parametrize(
    ("body", "probability"),
    [
        (b"[0.07, 0.93]", "0.93"),
        (b"[1, 0]", "0"),
        (b"[0.0, 1.0]", "1"),
        (b"[0.500001, 0.5]", "0.5"),
        (b" [ 9e-1 , 1e-1 ] \n", "0.1"),
        (b"[0.07123456789, 0.92876543211]", "0.928765"),
    ],
)
def test_an_answer_is_read(body: bytes, probability: str) -> None:
    assert read_probability(body) == Decimal(probability)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=40) | ANY_JSON.map(lambda value: json.dumps(value).encode()))
def test_any_other_answer_is_the_endpoints_fault(body: bytes) -> None:
    try:
        probability = read_probability(body)
    except TryAgain:
        return
    assert 0 <= probability <= 1


@pytest.mark.parametrize(
    ("probability", "finding"), [("0.099999", "NORMAL"), ("0.1", "PNEUMONIA"), ("1", "PNEUMONIA")]
)
def test_the_cutoff_itself_is_a_finding(probability: str, finding: str) -> None:
    assert finding_of(Decimal(probability), DEFAULT_CUTOFF) == finding


def test_a_positive_record_is_claimed_from_the_start() -> None:
    record = positive()
    assert (record.judgement.finding, record.alert) == (Finding.PNEUMONIA, AlertState.PENDING)
    assert record.awaits_alert_of(CLAIM)
    assert not record.awaits_alert_of(Claim("another", CLAIM.until))
    assert record.judgement.classified == "2026-11-22T10:15:31.123Z"


def test_a_normal_film_needs_no_alert_and_a_reject_does() -> None:
    normal = positive(probability="0.01")
    assert (normal.alert, normal.claim) == (AlertState.NOT_NEEDED, None)
    assert (rejected().alert, rejected().claim) == (AlertState.PENDING, CLAIM)


NOT_IN_RECORD = ("version_id", "rendered", "digest", "hops", "copied")
JUDGEMENTS = st.builds(
    Judgement,
    finding=st.sampled_from(Finding),
    cutoff=st.decimals("0.01", 1, places=2),
    classified=st.just("2026-11-22T10:15:31.123Z"),
    probability=st.none() | st.decimals(0, 1, places=6),
    model=st.none() | st.text(min_size=1),
    variant=st.none() | st.text(min_size=1),
    reason=st.none() | st.text(min_size=1),
    code=st.none() | st.text(min_size=1),
)


@settings(max_examples=50, deadline=None)
@given(
    judgement=JUDGEMENTS,
    earlier=st.lists(JUDGEMENTS, max_size=3).map(tuple),
    claim=st.none() | st.just(CLAIM),
    alert=st.sampled_from(AlertState),
    alerted=st.none() | st.just("2026-11-22T10:15:32.123Z"),
    facts=st.none()
    | st.builds(Facts, st.just("CR"), st.just("window"), age=st.none() | st.text(max_size=64)),
    digest=st.none() | st.just("d" * 64),
    same_as=st.none() | st.just("v0"),
)
def test_a_record_is_read_as_it_was_written(**known: Any) -> None:
    upload = {name: value for name, value in asdict(UPLOAD).items() if name not in NOT_IN_RECORD}
    record = Record(**upload, **known)
    assert record_from(attributes(record)) == record
    assert record.upload == UPLOAD


def test_a_new_judgement_keeps_the_old_ones_and_no_alert_goes_out_twice() -> None:
    missed = positive(probability="0.01")
    found = positive().judgement
    assert rejudged(missed, found, alert=False).alert is AlertState.NOT_NEEDED
    again = rejudged(missed, found, alert=True)
    assert (again.alert, again.claim) == (AlertState.PENDING, None)
    assert (again.judgement, again.earlier) == (found, (missed.judgement,))
    sent = replace(again, alert=AlertState.SENT)
    assert rejudged(sent, found, alert=True).alert is AlertState.SENT


@pytest.mark.parametrize(
    ("film", "found"),
    [
        (b"\xff\xd8\xff\xe0", Format.JPEG),
        (b"\x89PNG\r\n\x1a\n", Format.PNG),
        (b"%PDF", None),
        (b"", None),
    ],
)
def test_the_format_of_a_film_follows_from_its_bytes(film: bytes, found: Format | None) -> None:
    assert format_of(film) is found


def test_times_sort_as_text_whatever_their_zone() -> None:
    zone = timezone(timedelta(hours=2))
    assert stamp(datetime(2026, 11, 22, 12, 0, tzinfo=zone)) == "2026-11-22T10:00:00.000Z"


# --- alerts, within what SNS takes ---

LONG_KEY = "ü" * 512
NASTY_KEY = 'a\nSubject: "free money"\r\n\x00\u2028.jpeg'


def messages() -> list[Message]:
    awkward = [positive(key) for key in ("a.jpeg", LONG_KEY, NASTY_KEY, "\x01" * 1024)]
    batch = [positive(f"{number}{LONG_KEY[:-9]}") for number in range(200)]
    told = [digest_message(digest, "") for digest in digests(map(alert_of, awkward + batch))]
    return [*map(alert_message, awkward), alert_message(rejected()), *told]


@pytest.mark.parametrize("message", messages())
def test_sns_accepts_every_message(message: Message) -> None:
    assert message.subject.isascii()
    assert message.subject.isprintable()
    assert 0 < len(message.subject) < 100
    assert message.texts["default"]
    assert all(str(value) for value in message.attributes.values())
    assert len(json.dumps(_entry("0", message))) < MOST_BYTES


def test_calls_stay_within_the_batch_limits() -> None:
    small = [_entry(str(number), alert_message(positive())) for number in range(11)]
    assert [len(call) for call in _calls(small)] == [MOST_MESSAGES, 1]
    mail = alert_message(positive("\x01" * 1024))
    large = [_entry(str(number), replace(mail, subject="x" * 40_000)) for number in range(9)]
    calls = list(_calls(large))
    assert [entry for call in calls for entry in call] == large
    assert all(len(json.dumps(call)) <= MOST_BYTES + 2 * MOST_MESSAGES for call in calls)
    assert len(calls) > 1


def test_a_programs_alert_is_the_record_as_json() -> None:
    message = alert_message(positive())
    assert json.loads(message.texts["default"]) == {
        "key": "ward-7/a.jpeg",
        "version": "v1",
        "bucket": "uploads",
        "etag": "e1",
        "size": 100,
        "uploaded": "2026-11-22T10:15:30.000Z",
        "classified": "2026-11-22T10:15:31.123Z",
        "finding": "PNEUMONIA",
        "cutoff": 0.1,
        "probability": 0.93,
        "model": "cxr-test-1",
        "variant": "AllTraffic",
    }
    assert message.attributes == {
        "finding": "PNEUMONIA",
        "probability": Decimal("0.93"),
    }


def test_a_rejects_alert_says_why() -> None:
    message = alert_message(rejected())
    facts = json.loads(message.texts["default"])
    assert (facts["finding"], facts["code"]) == ("REJECTED", "format")
    assert facts["reason"] == "The file is a PDF document."
    assert "probability" not in facts
    assert message.attributes == {"finding": "REJECTED", "code": "format"}


def test_a_mail_about_one_film_names_its_finding_and_how_to_look_it_up() -> None:
    (digest,) = digests([alert_of(positive())])
    message = digest_message(digest, "https://worklist.example.org")
    assert message.subject == "Possible pneumonia: 1 film to review"
    assert message.texts["email"] == (
        "Possible pneumonia, probability 93 % (cutoff 10 %), please review.\n"
        "\n"
        "  film      ward-7/a.jpeg\n"
        "  found     probability 93 % (cutoff 10 %)\n"
        "  uploaded  2026-11-22T10:15:30.000Z\n"
        "  version   v1\n"
        "\n"
        "Look them up: https://worklist.example.org\n"
        "A computer screened these X-rays. This is not a diagnosis: a doctor has to look at them."
    )


def test_with_a_worklist_each_film_in_a_mail_has_its_link_which_names_no_key() -> None:
    alert = alert_of(positive())
    mail = digest_message([alert], "", "https://worklist.example.org").texts["email"]
    name = film_name(alert.key, alert.version)
    assert f"  look at   https://worklist.example.org/#film/{name}\n" in mail
    assert "Look them up: https://worklist.example.org\n" in mail
    elsewhere = digest_message([alert], "https://pacs.example.org", "https://worklist.example.org")
    assert "Look them up: https://pacs.example.org\n" in elsewhere.texts["email"]


def test_a_mail_about_one_networks_positives_shows_its_local_precision() -> None:
    line = "Here, 41 of the last 50 such alerts were confirmed, 69 to 90 %."
    precision = LocalPrecision(41, 50, 0.69, 0.902)
    one, other = alert_of(positive("a")), replace(alert_of(positive("b")), model="another")
    assert network([one]) == one.model
    assert network([one, other]) is None
    assert line in digest_message([one], "", "", precision).texts["email"]
    assert line not in digest_message([one], "").texts["email"]
    blind = blinded(replace(one, finding=Finding.NORMAL), hides=True)
    assert network([blind]) is None
    assert line not in digest_message([blind], "", "", precision).texts["email"]


def test_a_mail_about_several_films_begins_with_the_most_probable() -> None:
    some = [positive("a", "0.11"), positive("b", "0.97"), positive("c", "0.5")]
    (digest,) = digests(map(alert_of, some))
    message = digest_message(digest, "")
    assert message.subject == "Possible pneumonia: 3 films to review"
    assert message.texts["sms"] == (
        "Possible pneumonia in 3 films, please review; highest probability 97 % (cutoff 10 %)."
    )
    films = [line for line in message.texts["email"].splitlines() if line.startswith("  film")]
    assert [line[-1] for line in films] == ["b", "c", "a"]
    assert "Look them up: cxr-alert positives" in message.texts["email"]


def test_people_are_notified_of_rejects_separately_and_of_each_film_once() -> None:
    first, second = digests(map(alert_of, [rejected(), positive(), rejected(), positive()]))
    assert [alert.key for alert in first] == ["ward-7/a.jpeg"]
    assert [alert.key for alert in second] == ["b.pdf"]
    mail = digest_message(second, "").texts["email"]
    assert digest_message(second, "").subject == "Not screened: 1 film"
    assert "The file is a PDF document." in mail
    assert "cxr-alert rejects" in mail


def test_a_long_mail_says_how_many_it_leaves_out() -> None:
    (digest,) = digests(alert_of(positive(f"{number}.jpeg")) for number in range(100))
    message = digest_message(digest, "")
    assert message.subject == "Possible pneumonia: 100 films to review"
    assert message.texts["email"].count("  film ") == LISTED
    assert f"And {100 - LISTED} more." in message.texts["email"]
    assert len(json.loads(message.texts["default"])["films"]) == 100


@pytest.mark.parametrize("body", ["no JSON", "[]", "{}", '{"finding": "PNEUMONIA"}'])
def test_a_message_that_is_no_alert_is_malformed(body: str) -> None:
    with pytest.raises(MalformedMessage):
        read_alert(body)


def test_a_key_cannot_write_lines_into_a_mail() -> None:
    plain, nasty = (
        digest_message([alert_of(positive(key))], "").texts["email"] for key in ("a", NASTY_KEY)
    )
    assert len(nasty.splitlines()) == len(plain.splitlines())


def test_a_positive_after_an_alerted_reject_is_alerted_as_well() -> None:
    told = replace(rejected(), alert=AlertState.SENT, claim=None)
    found = positive().judgement
    assert rejudged(told, found, alert=False).alert is AlertState.NOT_NEEDED
    assert rejudged(told, found, alert=True).alert is AlertState.PENDING
    again = rejudged(rejudged(told, found, alert=False), found, alert=True)
    assert again.alert is AlertState.PENDING


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        ("0.1", "10 %"),
        ("0.104", "10 %"),
        ("0.105", "11 %"),
        ("0.994", "99 %"),
        ("0.995", "more than 99 %"),
        ("1", "more than 99 %"),
    ],
)
def test_no_probability_is_shown_as_certain(probability: str, text: str) -> None:
    assert percent(Decimal(probability)) == text


def test_waits_grow_fourfold_up_to_half_an_hour_and_last_for_more_than_a_day() -> None:
    waits = [wait_seconds(15, tries, 100) for tries in range(1, 101)]
    assert waits[:6] == [15, 60, 240, 960, 1800, 1800]
    assert sum(waits) > 24 * 3600
    assert waits[-1] == 0  # so that the queue gives it up at once, not half an hour later
