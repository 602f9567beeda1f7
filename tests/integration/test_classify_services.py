"""The adapters against possible answers of their services; each row uses a real connection."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import pytest

from aws import clients
from aws.endpoint import Endpoint
from aws.queue import Queue
from aws.topic import Topic
from aws.uploads_bucket import Films
from classify import batch
from classify.batch import screen_and_alert
from screening.clock import now, stamp
from screening.config import DEFAULT_CUTOFF
from screening.judgement import Answer, judge
from screening.messages import alert_message
from screening.record import Claim, Record, screened
from screening.refusals import Rejected, TryAgain
from screening.upload import Upload, read_upload
from tests.integration.classify_cloud import (
    JPEG,
    Cloud,
    EndpointStub,
    Function,
    Reply,
    Request,
    Stub,
)


@pytest.fixture
def asked(
    aws_environment: None, endpoint: EndpointStub, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Endpoint]:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", endpoint.url)
    monkeypatch.setitem(clients.READ_SECONDS, "sagemaker-runtime", 0.3)
    made = clients.make_clients()
    yield Endpoint(made.endpoint, "cxr-alert")
    made.close()


@pytest.fixture
def films(aws_environment: None, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Films]:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", stub.url)
    made = clients.make_clients()
    yield Films(made.s3, "renditions")
    made.close()


UPLOAD = Upload("Jane.jpeg", "v1", "uploads", "v1", "e1", 100, "2026-11-22T10:15:30.000Z")


def probabilities(text: str) -> Reply:
    return Reply(200, text.encode(), {"Content-Type": "application/json"})


@pytest.mark.parametrize(
    "busy",
    [
        EndpointStub.error(400, "ThrottlingException"),
        EndpointStub.error(429, "ModelNotReadyException"),
    ],
)
def test_a_busy_endpoint_is_waited_for(
    asked: Endpoint, endpoint: EndpointStub, busy: Reply
) -> None:
    answers = [busy] * 3
    endpoint.answer = lambda _: answers.pop() if answers else EndpointStub.probabilities([0.1, 0.9])
    assert asked.ask(JPEG).probability == Decimal("0.9")
    endpoint.says(busy)
    with pytest.raises(TryAgain, match="busy"):
        replace(asked, busy_seconds=0.1).ask(JPEG)


@pytest.mark.parametrize(
    ("answer", "requests", "sentence"),
    [
        (EndpointStub.model_error(500, "out of memory"), 1, "container failed with status 500"),
        (EndpointStub.model_error(0, "timed out"), 1, "container failed with status 0"),
        (EndpointStub.model_error(404, "no such path"), 1, "container failed with status 404"),
        (EndpointStub.model_error(429, "busy"), 1, "container failed with status 429"),
        (EndpointStub.error(503, "ServiceUnavailable"), 2, "ServiceUnavailable"),
        (EndpointStub.error(500, "InternalFailure"), 2, "InternalFailure"),
        (EndpointStub.error(530, "InternalDependencyException"), 1, "InternalDependencyException"),
        (EndpointStub.error(403, "AccessDeniedException"), 1, "AccessDeniedException"),
        (
            EndpointStub.error(
                400, "ValidationError", message="EndpointStub cxr-alert of account 1 not found."
            ),
            1,
            "does not exist",
        ),
        (Reply(502, b"<html>bad gateway</html>"), 2, "502"),
        (Reply(200, b"[0.1, 0.9]", delay=1), 2, "ReadTimeoutError"),
        (Reply(200, b"[0.1, 0.9]", sent=3), 1, "did not answer"),
        (probabilities("[NaN, NaN]"), 1, "not a probability"),
        (probabilities("[0.1, 0.2, 0.7]"), 1, "not a list of two"),
        (probabilities("[0.9, 0.9]"), 1, "do not add up to 1"),
        (probabilities("[true, 0]"), 1, "not a probability"),
        (probabilities('["0.1", "0.9"]'), 1, "not a probability"),
        (probabilities('{"p": 1}'), 1, "not a list of two"),
        (probabilities("[[[["), 1, "not JSON"),
        (probabilities(""), 1, "not JSON"),
    ],
)
def test_errors_that_are_not_the_films_fault_are_retried(
    asked: Endpoint, endpoint: EndpointStub, answer: Reply, requests: int, sentence: str
) -> None:
    endpoint.says(answer)
    with pytest.raises(TryAgain, match=sentence):
        asked.ask(JPEG)
    assert len(endpoint.requests) == requests


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_errors_that_are_the_films_fault_are_final(
    asked: Endpoint, endpoint: EndpointStub, status: int
) -> None:
    endpoint.says(EndpointStub.model_error(status, "The file ends too early."))
    with pytest.raises(Rejected, match=r"The file ends too early\."):
        asked.ask(JPEG)


def test_the_built_in_algorithms_answer_needs_no_model_name(
    asked: Endpoint, endpoint: EndpointStub
) -> None:
    endpoint.says(probabilities("[0.07, 0.93]"))
    answer = asked.ask(JPEG)
    assert (answer.probability, answer.model, answer.variant) == (Decimal("0.93"), None, None)


def s3_error(status: int, code: str) -> Reply:
    body = f"<Error><Code>{code}</Code><Message>Jane.jpeg</Message></Error>"
    return Reply(status, body.encode(), {"Content-Type": "application/xml"})


@pytest.mark.parametrize(
    ("answer", "error", "sentence"),
    [
        (s3_error(404, "NoSuchKey"), Rejected, "deleted"),
        (s3_error(404, "NoSuchVersion"), Rejected, "deleted"),
        (s3_error(405, "MethodNotAllowed"), Rejected, "deleted"),
        (s3_error(412, "PreconditionFailed"), Rejected, "replaced"),
        (s3_error(403, "AccessDenied"), TryAgain, "AccessDenied"),
        (s3_error(404, "NoSuchBucket"), TryAgain, "NoSuchBucket"),
        (s3_error(503, "SlowDown"), TryAgain, "SlowDown"),
        (Reply(200, JPEG * 1000, sent=100), TryAgain, "could not be read"),
    ],
)
def test_a_film_that_s3_refuses_to_return(
    films: Films, stub: Stub, answer: Reply, error: type[Exception], sentence: str
) -> None:
    stub.says(answer)
    with pytest.raises(error, match=sentence) as raised:
        films.read(UPLOAD)
    assert "Jane" not in str(raised.value)


def test_without_versions_the_etag_says_which_upload_is_meant(films: Films, stub: Stub) -> None:
    stub.says(Reply(200, JPEG))
    versioned = replace(UPLOAD, size=len(JPEG))
    unversioned = replace(versioned, version="e1#1", version_id=None)
    assert films.read(unversioned) == films.read(versioned) == JPEG
    by_etag, by_version = stub.requests
    assert by_etag.headers["If-Match"] == '"e1"'
    assert "versionId=v1" in by_version.path


def test_a_slow_answer_of_the_endpoint_has_the_same_time_limit_as_none(
    asked: Endpoint, endpoint: EndpointStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aws.endpoint.longest_wait", lambda _: 0.5)
    endpoint.says(replace(probabilities("[0.1, 0.9]" + " " * 100), trickle=0.1))
    with pytest.raises(TryAgain, match="TimeoutError"):
        asked.ask(JPEG)


def test_a_slow_answer_of_the_bucket_has_the_same_time_limit_as_none(
    films: Films, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aws.uploads_bucket.DOWNLOAD_SECONDS", 0.5)
    monkeypatch.setattr("aws.uploads_bucket.longest_wait", lambda _: 0)
    stub.says(Reply(200, JPEG * 10, trickle=0.1))
    with pytest.raises(TryAgain, match="did not arrive"):
        films.read(UPLOAD)


PAGE = Reply(200, b"<html>Sign in to the guest network</html>", {"Content-Type": "text/html"})


def test_a_web_page_instead_of_the_film_is_retried(films: Films, stub: Stub) -> None:
    stub.says(PAGE)
    with pytest.raises(TryAgain, match=r"bytes of the film's 100"):
        films.read(UPLOAD)


def test_a_web_page_instead_of_an_answer_is_retried(
    function: Function, cloud: Cloud, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK reads it as an empty success, or raises an undocumented error."""
    stub.says(PAGE)
    for service in ("SNS", "DYNAMODB", "SQS"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", stub.url)
    made = clients.make_clients()
    (failure,) = Topic(made.sns, cloud.topic).publish([alert_message(some_record(cloud))])
    assert isinstance(failure, TryAgain)
    table = replace(function.services.screenings, client=made.dynamodb)
    record = some_record(cloud)
    claim = Claim("mine", stamp(now()))
    for call in (
        lambda: table.find("a.jpeg", "v"),
        lambda: table.versions("a.jpeg", "v"),
        lambda: table.add(record),
        lambda: table.claim(record, claim, now()),
        lambda: table.mark_sent(record, now()),
        lambda: Queue(made.make_sqs, cloud.queue).forward(record.upload),
    ):
        with pytest.raises(TryAgain):
            call()
    made.close()


def some_record(cloud: Cloud) -> Record:
    upload = read_upload(cloud.drop("a.jpeg")["body"])
    assert upload
    answer = Answer(Decimal("0.93"), None, None)
    return screened(upload, judge(answer, DEFAULT_CUTOFF, now()), Claim("mine", stamp(now())))


def test_ten_deliveries_at_once_leave_one_record_and_one_alert(
    function: Function, cloud: Cloud, endpoint: EndpointStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine moto may take longer than the function waits.
    monkeypatch.setattr(batch, "WAIT_FOR_OTHERS_SECONDS", 60)
    everyone_asked = threading.Barrier(10)

    def answer(_: Any) -> Reply:
        everyone_asked.wait(30)  # so that nobody finds another's record before asking
        return EndpointStub.probabilities([0.07, 0.93])

    endpoint.answer = answer
    upload = read_upload(cloud.drop("a.jpeg")["body"])
    assert upload

    def deliver(number: int) -> Any:
        claim = Claim(f"invocation {number}", "2999-01-01T00:00:00.000Z")
        with ThreadPoolExecutor(1) as pool:
            (outcome,) = screen_and_alert([upload], function.services, claim, pool)
        return outcome

    with ThreadPoolExecutor(10) as deliveries:
        outcomes = list(deliveries.map(deliver, range(10)))

    assert [outcome.failure for outcome in outcomes] == [None] * 10
    assert sum(outcome.new for outcome in outcomes) == 1
    assert sum(outcome.alert_sent for outcome in outcomes) == 1
    assert [record["alert"] for record in cloud.records()] == ["SENT"]
    assert len(cloud.alerts()) == 1


def publish_batch_response(request: Request, failed: set[str]) -> Reply:
    """Return SNS's answer to PublishBatch if it takes all messages except `failed`."""
    sent = parse_qs(request.body.decode())
    ids = [value for name, (value,) in sent.items() if name.endswith(".Id")]
    bad = "".join(
        f"<member><Id>{one}</Id><Code>InternalError</Code><SenderFault>false</SenderFault></member>"
        for one in ids
        if one in failed
    )
    good = "".join(
        f"<member><Id>{one}</Id><MessageId>m{one}</MessageId></member>"
        for one in ids
        if one not in failed
    )
    return Reply(
        200,
        '<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">'
        f"<PublishBatchResult><Failed>{bad}</Failed><Successful>{good}</Successful>"
        "</PublishBatchResult></PublishBatchResponse>".encode(),
        {"Content-Type": "text/xml"},
    )


@pytest.mark.parametrize(
    ("failed", "states"),
    [
        (set(), {"0.jpeg": "SENT", "1.jpeg": "SENT"}),
        ({"0"}, {"0.jpeg": "PENDING", "1.jpeg": "SENT"}),
        ({"0", "1"}, {"0.jpeg": "PENDING", "1.jpeg": "PENDING"}),
    ],
)
def test_an_alert_counts_as_sent_once_sns_has_accepted_it(
    function: Function,
    cloud: Cloud,
    endpoint: EndpointStub,
    stub: Stub,
    monkeypatch: pytest.MonkeyPatch,
    failed: set[str],
    states: dict[str, str],
) -> None:
    endpoint.finds(0.93)
    stub.answer = lambda request: publish_batch_response(request, failed)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", stub.url)
    sns = clients.make_clients().sns
    services = replace(function.services, alerts=Topic(sns, cloud.topic))
    uploads = [read_upload(cloud.drop(f"{number}.jpeg")["body"]) for number in range(2)]

    claim = Claim("mine", stamp(now() + timedelta(minutes=2)))
    outcomes = screen_and_alert(filter(None, uploads), services, claim, function.pool)
    sns.close()

    assert {record["key"]: record["alert"] for record in cloud.records()} == states
    retried = {one.upload.key for one in outcomes if isinstance(one.failure, TryAgain)}
    assert retried == {key for key, state in states.items() if state == "PENDING"}
    assert len(stub.requests) == 1


def test_an_expired_claim_is_taken_over_by_one_delivery_only(
    function: Function, cloud: Cloud
) -> None:
    upload = read_upload(cloud.drop("a.jpeg")["body"])
    assert upload
    found = Answer(Decimal("0.93"), None, None)
    dead = Claim("the dead", stamp(now() - timedelta(seconds=1)))
    record = function.services.screenings.add(
        screened(upload, judge(found, DEFAULT_CUTOFF, now()), dead)
    )

    def take_over(number: int) -> bool:
        claim = Claim(f"invocation {number}", stamp(now() + timedelta(minutes=2)))
        standing: Record = function.services.screenings.claim(record, claim, now())
        return standing.awaits_alert_of(claim)

    with ThreadPoolExecutor(10) as deliveries:
        assert sum(deliveries.map(take_over, range(10))) == 1


def test_a_write_repeated_after_a_lost_answer_finds_its_record(
    function: Function, cloud: Cloud
) -> None:
    upload = read_upload(cloud.drop("a.jpeg")["body"])
    assert upload
    claim = Claim("mine", stamp(now() + timedelta(minutes=2)))
    found = Answer(Decimal("0.93"), None, None)
    record = screened(upload, judge(found, DEFAULT_CUTOFF, now()), claim)
    for _ in range(2):
        assert function.services.screenings.add(record).awaits_alert_of(claim)
        assert function.services.screenings.claim(record, claim, now()).awaits_alert_of(claim)
    assert function.services.screenings.find(upload.key, upload.version) == record


def test_a_record_expires_after_its_retention_if_one_is_set(
    function: Function, cloud: Cloud
) -> None:
    claim = Claim("mine", stamp(now() + timedelta(minutes=2)))
    found = Answer(Decimal("0.93"), None, None)
    at = datetime(2026, 11, 22, 10, 15, 31, tzinfo=UTC)
    for days in (0, 30):
        upload = read_upload(cloud.drop(f"{days}.jpeg")["body"])
        assert upload
        record = screened(upload, judge(found, DEFAULT_CUTOFF, at), claim)
        screenings = replace(function.services.screenings, retention_days=days)
        screenings.add(record)
        assert screenings.find(upload.key, upload.version) == record
    ends = {item["key"]: item.get("expires") for item in cloud.records()}
    assert ends == {"0.jpeg": None, "30.jpeg": (at + timedelta(days=30)).timestamp()}


def test_an_unreadable_table_is_a_reason_to_try_again(function: Function, cloud: Cloud) -> None:
    upload = read_upload(cloud.drop("a.jpeg")["body"])
    assert upload
    cloud.screenings.delete()
    with pytest.raises(TryAgain, match="could not be read: ResourceNotFoundException"):
        function.services.screenings.find(upload.key, upload.version)
