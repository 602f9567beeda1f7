"""Blinded readings, from the mail about a film to the performance figures."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import boto3
import pytest
from boto3.dynamodb.types import TypeSerializer
from moto import mock_aws

import worklist.api
import worklist.enlist
from aws.clients import NotifyClients, WorklistClients
from notify.handler import Config, make_handler
from screening.clock import now, stamp
from screening.film_name import film_name
from screening.judgement import Answer, judge
from screening.messages import alert_body
from screening.record import Claim, Record, attributes, rejudged, screened
from screening.sampling import POSITIVES_HIDDEN, chance, drawn
from screening.upload import Upload
from tests.integration.classify_cloud import Context
from tests.integration.test_people_told import Parameters, Topic, message
from tests.integration.test_worklist_malformed import call
from tests.integration.test_worklist_table import REGION, _tables, create_screenings_table
from worklist.rules.performance import Measures, measure
from worklist.tables.reviewed import read_cases
from worklist.tables.reviews_table import ReviewsTable
from worklist.tables.worklist_table import WorklistTable

SHARE = "0.5"
FILM = b"film"
ETAG = hashlib.md5(FILM).hexdigest()  # noqa: S324 - S3's own
VERSION = f"{ETAG}#1"  # of a bucket that keeps none
_to_dynamodb = TypeSerializer().serialize


class Place:
    """The worklist and the mails of one application, without classify: records are written here."""

    def __init__(self, entries: WorklistTable, reviews: ReviewsTable) -> None:
        self.entries, self.reviews = entries, reviews
        sqs = boto3.client("sqs", region_name=REGION)
        s3 = boto3.client("s3", region_name=REGION)
        s3.create_bucket(Bucket="uploads")
        self.s3, self.sqs = s3, sqs
        self.people = sqs.create_queue(QueueName="people")["QueueUrl"]
        nobody: Any = None
        ssm = boto3.client("ssm", region_name=REGION)
        clients = WorklistClients(entries.client, s3, sns=nobody, ssm=ssm, make_sqs=lambda: sqs)
        tables = (entries.table, reviews.table, "screenings")
        enlist = worklist.enlist.Config(*tables, Decimal(SHARE), self.people)
        self._enlist = worklist.enlist.make_handler(enlist, clients)
        api = worklist.api.Config(
            *("uploads", "uploads", "screenings", entries.table, reviews.table, "none"),
            *("https://l", "c", 4, "/cxr-alert/worklist"),
        )
        self._api = worklist.api.make_handler(api, clients)
        self.topic = Topic()
        parameters = Parameters(address="https://worklist.example.org", share=SHARE)
        notify = Config(
            "cxr-alert", "arn:aws:sns:us-east-1:123456789012:n", self.people, self.people, 1, 1, 100
        )
        notifying: Any = NotifyClients(self.topic, parameters, lambda: sqs)  # type: ignore[arg-type]
        self._notify = make_handler(notify, notifying)

    def screen(self, record: Record) -> str:
        """Write the alert (if positive) and the record of a film, and run the other functions."""
        if record.judgement.finding == "PNEUMONIA":
            self.sqs.send_message(QueueUrl=self.people, MessageBody=alert_body(record))
        item = {name: _to_dynamodb(value) for name, value in attributes(record).items()}
        self.entries.client.put_item(TableName="screenings", Item=item)
        self.s3.put_object(Bucket="uploads", Key=record.key, Body=FILM)
        change = {"dynamodb": {"SequenceNumber": "1", "NewImage": item}}
        assert self._enlist({"Records": [change]}, None) == {"batchItemFailures": []}
        return film_name(record.key, record.version)

    def mails(self) -> list[dict[str, Any]]:
        """Have people notified of all waiting alerts; return the messages since the last call."""
        waiting = self.sqs.receive_message(QueueUrl=self.people, MaxNumberOfMessages=10)
        messages = [message(each["Body"]) for each in waiting.get("Messages", [])]
        before = len(self.topic.sent)
        assert self._notify({"Records": messages}, Context()) == {"batchItemFailures": []}
        return [entry for _, entry in self.topic.sent[before:]]

    def get(self, film: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            call(self._api, "GET", f"/api/films/{film}", None)["body"]
        )
        return found

    def review(self, film: str, reading: str, **more: object) -> dict[str, Any]:
        body = {
            "id": uuid4().hex,
            "reading": reading,
            "answers": self.get(film)["answers"],
            **more,
        }
        answer = call(self._api, "POST", f"/api/films/{film}/reviews", json.dumps(body))
        assert answer["statusCode"] == 200, answer
        found: dict[str, Any] = json.loads(answer["body"])
        return found

    def figures(self) -> Measures:
        until = now() + timedelta(days=1)
        return measure(read_cases(self.entries, self.reviews, until - timedelta(days=9), until))


@pytest.fixture
def place(aws_environment: None) -> Iterator[Place]:
    with mock_aws():
        entries, reviews = _tables("blind")
        create_screenings_table(entries.client, "screenings")
        yield Place(entries, reviews)


def key_of(name: str, *, hidden: bool) -> str:
    """Return a key whose film, if positive, gets a blinded reading, or does not."""
    keys = (f"{name}-{number}.jpeg" for number in range(1000))
    return next(
        each for each in keys if drawn(film_name(each, VERSION), POSITIVES_HIDDEN) is hidden
    )


def record(key: str, probability: str) -> Record:
    upload = Upload(key, VERSION, "uploads", None, ETAG, 4, stamp(now()))
    judgement = judge(Answer(Decimal(probability), "net-1", None), Decimal("0.1"), now())
    return screened(upload, judgement, Claim("one", stamp(now())))


def without(mail: dict[str, Any], key: str) -> str:
    """Return a mail's text without the name of its film."""
    words = json.dumps([mail["Subject"], json.loads(mail["Message"]), mail["MessageAttributes"]])
    uploaded = json.loads(mail["Message"])["email"].partition("uploaded  ")[2][:24]
    return words.replace(key, "K").replace(film_name(key, VERSION), "F").replace(uploaded, "T")


def test_a_hidden_positive_and_a_drawn_negative_are_mailed_alike_and_count_as_blinded(
    place: Place,
) -> None:
    positive, negative = key_of("ill", hidden=True), key_of("well", hidden=True)
    said = []
    for key, probability in ((positive, "0.93"), (negative, "0.04")):
        film = place.screen(record(key, probability))
        (mail,) = place.mails()
        assert mail["Subject"] == "1 film to read"
        for word in ("%", "probability", "Possible", "PNEUMONIA", "NORMAL", "0.9"):
            assert word not in json.dumps(mail), word
        assert f"/#film/{film}" in json.loads(mail["Message"])["email"]
        said.append(without(mail, key))
        assert "probability" not in place.get(film)
        assert place.review(film, "PNEUMONIA")["reviews"][0]["scoreSeen"] is False
    assert said[0] == said[1]
    found = place.figures()
    assert (found.positives, found.drawn, found.drawn_read, found.missed) == (1, 1, 1, 1)
    assert found.sensitivity
    assert 0 < found.sensitivity.value < 1


def test_a_positive_mailed_with_its_score_counts_for_the_precision_alone(place: Place) -> None:
    film = place.screen(record(key_of("ill", hidden=False), "0.93"))
    (mail,) = place.mails()
    assert "probability 93 %" in json.loads(mail["Message"])["email"]
    assert place.review(film, "PNEUMONIA")["reviews"][0]["scoreSeen"] is True
    drawn_film = place.screen(record(key_of("well", hidden=True), "0.04"))
    place.review(drawn_film, "NORMAL")
    found = place.figures()
    assert found.precision
    assert found.sensitivity is None, "no positive was read without its score"


def test_a_film_entered_late_is_not_blinded_since_its_mail_had_the_score(place: Place) -> None:
    made = record(key_of("ill", hidden=True), "0.93")
    past = stamp(now() - timedelta(hours=1))
    film = place.screen(replace(made, judgement=replace(made.judgement, classified=past)))
    assert place.get(film)["probability"] == 0.93
    assert place.review(film, "PNEUMONIA")["reviews"][0]["scoreSeen"] is True


def test_a_film_mailed_with_its_score_is_not_drawn_when_it_is_judged_again(place: Place) -> None:
    """No chance draws it at 0.1, as a positive, but one does as a negative close to the cutoff."""
    share = chance(Decimal("0.099"), Decimal("0.1"), Decimal(SHARE))
    key = next(
        key
        for key in (f"again-{number}.jpeg" for number in range(1000))
        if drawn(film_name(key, VERSION), share)
        and not drawn(film_name(key, VERSION), POSITIVES_HIDDEN)
    )
    first = record(key, "0.93")
    place.screen(first)
    assert len(place.mails()) == 1
    film = place.screen(rejudged(first, record(key, "0.099").judgement, alert=True))
    assert place.get(film)["probability"] == 0.099
    place.review(film, "NORMAL")
    assert place.figures().drawn == 0


def test_a_reader_who_saw_the_score_elsewhere_does_not_count_as_blinded(place: Place) -> None:
    positive = place.screen(record(key_of("ill", hidden=True), "0.93"))
    place.review(positive, "PNEUMONIA")
    negative = place.screen(record(key_of("well", hidden=True), "0.04"))
    told = place.review(negative, "NORMAL", scoreKnown=True)
    assert told["reviews"][0]["scoreSeen"] is True
    assert (place.figures().drawn, place.figures().drawn_read) == (1, 0)


def test_a_drawn_negative_is_notified_once_however_often_its_record_changes(place: Place) -> None:
    negative = record(key_of("well", hidden=True), "0.04")
    for _ in range(2):
        place.screen(negative)
    waiting = place.sqs.get_queue_attributes(QueueUrl=place.people, AttributeNames=["All"])
    assert waiting["Attributes"]["ApproximateNumberOfMessages"] == "1"


def test_scores_stay_out_of_mails_while_nobody_knows_whether_they_are_hidden(place: Place) -> None:
    """Without an answer from SSM, mails are sent without scores, since a sent score stays known."""
    parameters = Parameters(broken=True)
    topic = Topic()
    clients: Any = NotifyClients(topic, parameters, lambda: place.sqs)  # type: ignore[arg-type]
    config = Config("cxr-alert", "arn:aws:sns:us-east-1:1:n", place.people, place.people, 1, 1, 100)
    hidden, shown = (record(key_of("ill", hidden=each), "0.93") for each in (True, False))
    told = [message(alert_body(each)) for each in (hidden, shown)]
    make_handler(config, clients)({"Records": told}, Context())
    subjects = [entry["Subject"] for _, entry in topic.sent]
    assert subjects == ["Possible pneumonia: 1 film to review", "1 film to read"]
