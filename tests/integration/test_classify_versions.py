"""Versions that are not new films: repeated bytes under the same key, and placeholders."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from aws.uploads_bucket import Versions
from classify import placeholder
from screening.clock import now, stamp
from screening.config import DEFAULT_CUTOFF
from screening.facts import Facts
from screening.judgement import Answer, judge
from screening.lost import Span
from screening.record import AlertState, Claim, screened
from screening.rendition import Rendered
from screening.upload import event_of, read_upload
from tests.integration.classify_cloud import JPEG, Cloud, Context, EndpointStub, Function

EVER = Span("1970-01-01T00:00:00.000Z", "2999-01-01T00:00:00.000Z")


def run(function: Function, *messages: dict[str, Any]) -> list[str]:
    """Return the ids of the messages that the queue has to deliver again."""
    response = function.handler({"Records": list(messages)}, Context())
    return [failed["itemIdentifier"] for failed in response["batchItemFailures"]]


def version_of(message: dict[str, Any]) -> str:
    upload = read_upload(message["body"])
    assert upload
    return upload.version


def with_etag(message: dict[str, Any], etag: str) -> dict[str, Any]:
    """Return the message of S3 if an ETag is not a digest of the bytes."""
    event = json.loads(message["body"])
    event["detail"]["object"]["etag"] = etag
    return message | {"body": json.dumps(event)}


def records(function: Function, key: str) -> dict[str, Any]:
    return {each.version: each for each in function.services.screenings.of_key(key)}


REWRITTEN: dict[str, Callable[[Cloud], dict[str, Any]]] = {
    "metadata rewritten by a copy onto itself": lambda cloud: cloud.rewrite_metadata("a.jpeg"),
    "the same bytes dropped again": lambda cloud: cloud.drop("a.jpeg"),
    "another ETag, as under a key of KMS": lambda cloud: with_etag(
        cloud.rewrite_metadata("a.jpeg"), "7f1a0c33b9a64b11a0a4f2a3a6b1c9d0"
    ),
    "another ETag, as of an upload in parts": lambda cloud: with_etag(
        cloud.drop("a.jpeg"), "7f1a0c33b9a64b11a0a4f2a3a6b1c9d0-2"
    ),
}


@pytest.mark.parametrize("how", REWRITTEN)
@pytest.mark.parametrize(("probability", "alerts"), [(0.93, 1), (0.02, 0)])
def test_repeated_bytes_under_a_key_get_a_record_with_a_reference_and_no_alert(
    function: Function,
    cloud: Cloud,
    endpoint: EndpointStub,
    how: str,
    probability: float,
    alerts: int,
) -> None:
    endpoint.finds(probability)
    first = cloud.drop("a.jpeg")
    assert run(function, first) == []
    # Another network or cutoff gave another finding since: still the same film.
    endpoint.finds(1 - probability)
    second = REWRITTEN[how](cloud)
    assert run(function, second) == run(function, second) == []
    found = records(function, "a.jpeg")
    one, two = found[version_of(first)], found[version_of(second)]
    assert two.same_as == one.version
    assert (two.judgement, two.alert, two.alerted) == (one.judgement, one.alert, one.alerted)
    assert (one.repeats, two.repeats) == (False, True)
    assert len(cloud.alerts()) == alerts
    assert len(endpoint.requests) == 1


def test_a_third_version_points_to_the_first_and_a_delete_marker_changes_nothing(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.finds(0.93)
    first = cloud.drop("a.jpeg")
    run(function, first)
    run(function, cloud.rewrite_metadata("a.jpeg"))
    cloud.s3.delete_object(Bucket=cloud.bucket, Key="a.jpeg")
    run(function, cloud.drop("a.jpeg", uploaded="2026-11-22T12:15:30.000Z"))
    pointers = [each.same_as for each in function.services.screenings.of_key("a.jpeg")]
    assert pointers == [None, version_of(first), version_of(first)]
    assert len(cloud.alerts()) == 1


def test_a_version_among_many_still_finds_its_record(
    function: Function,
    cloud: Cloud,
    endpoint: EndpointStub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A device that names each of its films `latest.jpeg` has a constant cost per film."""
    monkeypatch.setattr("aws.screenings_table._MOST_VERSIONS", 2)
    endpoint.finds(0.93)
    messages = [cloud.drop("latest.jpeg", JPEG + bytes([number])) for number in range(6)]
    for message in messages * 2:
        assert run(function, message) == []
    assert len(cloud.alerts()) == len(endpoint.requests) == len(messages)


def test_lists_name_a_film_once(function: Function, cloud: Cloud, endpoint: EndpointStub) -> None:
    endpoint.finds(0.93)
    first = cloud.drop("a.jpeg")
    run(function, first)
    run(function, cloud.rewrite_metadata("a.jpeg"))
    films = [each for each in function.services.screenings.all() if not each.repeats]
    assert [each.version for each in films] == [version_of(first)]


def test_the_same_bytes_under_another_key_are_another_upload(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.finds(0.93)
    assert run(function, cloud.drop("a.jpeg")) == run(function, cloud.drop("a.jpeg.1")) == []
    assert len(cloud.alerts()) == 2


def test_other_bytes_and_the_first_ones_again_are_alerted_once_each(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.finds(0.93)
    for body in (JPEG, JPEG + b"2", JPEG):
        assert run(function, cloud.drop("a.jpeg", body)) == []
    assert len(cloud.alerts()) == len(endpoint.requests) == 2


def test_versions_in_one_batch_are_screened_one_after_the_other(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.finds(0.93)
    first = cloud.drop("a.jpeg")
    second = cloud.rewrite_metadata("a.jpeg")
    assert run(function, second, cloud.drop("b.jpeg"), first) == []
    assert records(function, "a.jpeg")[version_of(second)].same_as == version_of(first)
    assert len(cloud.alerts()) == len(endpoint.requests) == 2


def test_versions_out_of_order_are_still_one_film(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.finds(0.93)
    first = cloud.drop("a.jpeg")
    second = cloud.rewrite_metadata("a.jpeg")
    assert run(function, second) == run(function, first) == []
    assert len(cloud.alerts()) == len(endpoint.requests) == 1


def test_a_copy_that_arrives_before_its_original_waits_for_it(
    function: Function, cloud: Cloud, endpoint: EndpointStub, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint.finds(0.93)
    first = cloud.drop("a.jpeg", uploaded=stamp(now()))
    second = cloud.rewrite_metadata("a.jpeg", uploaded=stamp(now()))
    assert run(function, second) == [second["messageId"]]
    assert "RecordsFailed" not in capsys.readouterr().out
    assert run(function, first) == run(function, second) == []
    assert len(cloud.alerts()) == len(endpoint.requests) == 1


def test_a_film_copied_into_the_bucket_waits_for_nothing(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.finds(0.93)
    event = json.loads(cloud.drop("a.jpeg", uploaded=stamp(now()))["body"])
    event["detail"]["reason"] = "CopyObject"
    assert run(function, cloud.message(event)) == []
    assert len(cloud.alerts()) == 1


def test_a_rejection_is_alerted_once_but_the_film_is_screened_each_time(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    """The container that refused it may have been wrong, and may be corrected now."""
    endpoint.says(EndpointStub.model_error(422, "layout: This is no film."))
    assert run(function, cloud.drop("a.jpeg")) == run(function, cloud.drop("a.jpeg")) == []
    assert len(cloud.alerts()) == 1
    assert len(endpoint.requests) == 2
    endpoint.finds(0.93)
    assert run(function, cloud.drop("a.jpeg")) == []
    (alert,) = cloud.alerts()
    assert json.loads(alert["Message"])["finding"] == "PNEUMONIA"


@pytest.mark.parametrize("body", [b"%PDF-1.7", b"PK\x03\x04"])
def test_a_file_that_is_not_a_film_is_alerted_once(
    function: Function, cloud: Cloud, body: bytes
) -> None:
    assert run(function, cloud.drop("a.pdf", body)) == []
    assert run(function, with_etag(cloud.rewrite_metadata("a.pdf"), "0" * 32)) == []
    assert len(cloud.alerts()) == 1


def recorded(cloud: Cloud, function: Function, message: dict[str, Any], **changes: Any) -> None:
    """Write the positive record of an upload, as an earlier invocation left it."""
    upload = read_upload(message["body"])
    assert upload
    answer = Answer(Decimal("0.93"), "cxr-test-1", "AllTraffic")
    made = screened(upload, judge(answer, DEFAULT_CUTOFF, now()), Claim("another", stamp(now())))
    function.services.screenings.add(replace(made, **changes))


def test_a_record_from_before_digests_were_kept_is_known_by_its_etag(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    first = cloud.drop("a.jpeg")
    recorded(cloud, function, first, alert=AlertState.SENT, claim=None)
    second = cloud.rewrite_metadata("a.jpeg")
    assert run(function, second) == []
    assert records(function, "a.jpeg")[version_of(second)].same_as == version_of(first)
    assert cloud.alerts() == []
    assert endpoint.requests == []


def test_an_alert_that_is_being_sent_is_waited_for(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    first = cloud.drop("a.jpeg")
    recorded(cloud, function, first, claim=Claim("another", stamp(now() + timedelta(minutes=2))))
    second = cloud.rewrite_metadata("a.jpeg")
    assert run(function, second) == [second["messageId"]]
    assert version_of(second) not in records(function, "a.jpeg")
    assert cloud.alerts() == []


def test_a_pending_alert_without_a_sender_is_sent_for_the_new_version(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    recorded(cloud, function, cloud.drop("a.jpeg"), claim=None)
    second = cloud.rewrite_metadata("a.jpeg")
    assert run(function, second) == []
    (alert,) = cloud.alerts()
    assert json.loads(alert["Message"])["version"] == version_of(second)


def test_a_dicom_film_seen_before_is_neither_rendered_nor_screened_again(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    facts = Facts("DX", "window", age="004Y")
    body = bytes(128) + b"DICM of a film"
    first = cloud.drop("a.dcm", body)
    assert run(function, first) == []
    to_render = cloud.receive(cloud.renditions_queue)
    assert to_render
    upload = read_upload(to_render["body"])
    assert upload
    recorded(
        cloud,
        function,
        cloud.message(event_of(replace(upload, rendered=Rendered(facts)))),
        alert=AlertState.SENT,
        claim=None,
    )
    second = cloud.rewrite_metadata("a.dcm")
    assert run(function, second) == []
    assert cloud.receive(cloud.renditions_queue) is None
    again = records(function, "a.dcm")[version_of(second)]
    assert (again.same_as, again.facts) == (version_of(first), facts)
    # Screened again, it has the rendition of the first one.
    assert again.upload.rendered == Rendered(facts, version_of(first))


# --- empty versions ---


def codes(cloud: Cloud) -> list[str]:
    return [json.loads(alert["Message"]).get("code", "-") for alert in cloud.alerts()]


def test_an_empty_version_that_a_film_followed_is_a_placeholder(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    endpoint.finds(0.02)
    empty = cloud.drop("a.jpeg", b"", uploaded=stamp(now()))
    film = cloud.drop("a.jpeg", uploaded=stamp(now()))
    assert run(function, empty, film) == []
    assert [record["finding"] for record in cloud.records()] == ["NORMAL"]
    assert codes(cloud) == []


def test_an_empty_version_waits_for_the_film_without_counting_as_a_failure(
    function: Function, cloud: Cloud, endpoint: EndpointStub, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint.finds(0.02)
    empty = cloud.drop("a.jpeg", b"", uploaded=stamp(now()))
    assert run(function, empty) == [empty["messageId"]]
    assert "RecordsFailed" not in capsys.readouterr().out
    assert cloud.records() == []
    run(function, cloud.drop("a.jpeg", uploaded=stamp(now())))
    assert run(function, empty) == []
    assert [record["finding"] for record in cloud.records()] == ["NORMAL"]
    assert codes(cloud) == []


def test_the_wait_ends_with_the_stated_time(
    function: Function,
    cloud: Cloud,
    endpoint: EndpointStub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(placeholder, "FOLLOWED_WITHIN", timedelta(seconds=2))
    body = cloud.drop("a.jpeg", b"", uploaded=stamp(now()))["body"]
    cloud.sqs.send_message(QueueUrl=cloud.queue, MessageBody=body)
    message = cloud.receive()
    assert message
    assert run(function, message) == [message["messageId"]]
    assert run(function, cloud.wait_for(cloud.queue)) == []
    assert codes(cloud) == ["empty"]


def test_an_empty_version_without_a_successor_is_a_reject_alerted_once(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    first = cloud.drop("a.jpeg", b"")
    assert run(function, first) == run(function, first) == []
    assert run(function, with_etag(cloud.drop("a.jpeg", b""), "0" * 32)) == []
    assert codes(cloud) == ["empty"]


def test_of_two_empty_versions_the_last_one_is_alerted(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    first, last = cloud.drop("a.jpeg", b""), cloud.drop("a.jpeg", b"")
    assert run(function, first, last) == []
    assert [record["version"] for record in cloud.records()] == [version_of(last)]
    assert codes(cloud) == ["empty"]


def test_a_film_under_a_longer_key_does_not_follow(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    empty = cloud.drop("a.jpeg", b"")
    cloud.drop("a.jpeg.part")
    assert run(function, empty) == []
    assert codes(cloud) == ["empty"]


def test_versions_that_cannot_be_listed_are_retried(
    function: Function, cloud: Cloud, endpoint: EndpointStub
) -> None:
    empty = cloud.drop("a.jpeg", b"")
    event = json.loads(empty["body"])
    event["detail"]["bucket"]["name"] = "no-such-bucket"
    broken = cloud.message(event)
    assert run(function, broken) == [broken["messageId"]]
    assert cloud.records() == []


def test_a_placeholder_is_not_lost(function: Function, cloud: Cloud) -> None:
    """Otherwise it would be enqueued every hour, and the alarm be raised."""
    cloud.drop("a.jpeg", b"")
    cloud.drop("a.jpeg")
    cloud.drop("b.jpeg", b"")
    (page,) = Versions(cloud.s3, cloud.bucket).pages("")
    assert sorted((each.key, each.size) for each in page) == [("a.jpeg", len(JPEG)), ("b.jpeg", 0)]
