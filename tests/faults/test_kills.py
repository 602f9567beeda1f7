"""Function and container killed at the worst moment; messages doubled, reordered and broken."""

import itertools
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cxr_alert.operate.redrive import redrive
from tests.e2e.application import DICOM, NEGATIVE, POSITIVE, wait_until
from tests.faults.broken_cloud import BrokenCloud
from tests.faults.conftest import RESULTS
from tests.faults.faults import after, error, hang_up, once, stall, xml_error
from tests.faults.proxy import Exchange, Reply

PUT_BY_RENDER = 2  # the rendition, and the picture for readers
_numbers = itertools.count()


def key() -> str:
    return f"kill-{next(_numbers)}.jpeg"


def report(name: str, expected: str) -> None:
    RESULTS.append((name, expected, "as expected"))


@pytest.mark.parametrize(
    ("moment", "operation", "takes_effect"),
    [
        ("before the record", "PutItem", False),
        ("between record and alert", "PutItem", True),
        ("between alert and its mark", "PublishBatch", True),
    ],
)
def test_the_function_is_killed(
    cloud: BrokenCloud, moment: str, operation: str, takes_effect: bool
) -> None:
    def kill(exchange: Exchange) -> None:
        if takes_effect:
            exchange.forward()
        cloud.kill_function()

    with cloud.short_lived_function(seconds=4), cloud.proxy.fault(operation, once(kill)) as met:
        film = cloud.ledger.drop(key(), POSITIVE)
        wait_until(lambda: met, "the kill")
        cloud.settle()
    record = cloud.ledger.record(film)
    assert record
    assert record.alert == "SENT"
    cloud.ledger.collect()
    repeated = operation == "PublishBatch"
    assert cloud.ledger.alerts[film] == cloud.ledger.told[film] == 1 + repeated
    expected = "tried again; the alert is repeated" if repeated else "tried again by the queue"
    report(f"function killed {moment}", expected)


@pytest.mark.parametrize(
    ("moment", "operation", "takes_effect"),
    [
        ("before the rendition", "PutObject", False),
        ("between rendition and handing the film back", "PutObject", True),
        ("after it handed the film back", "SendMessageBatch", True),
    ],
)
def test_the_function_that_renders_is_killed(
    cloud: BrokenCloud, moment: str, operation: str, takes_effect: bool
) -> None:
    killed: list[str] = []

    def kill(exchange: Exchange) -> Reply:
        """Kill it once; requests of the other function, which sends messages too, pass."""
        ours = operation == "PutObject" or b"rendered" in exchange.body
        if killed or not ours:
            return exchange.forward()
        reply = exchange.forward() if takes_effect else Reply(500)
        killed.append(moment)
        cloud.kill_function("RenderFunctionName")
        return reply

    name = key().replace(".jpeg", ".dcm")
    with (
        # Longer than a restart of the function, or a film in progress would be delivered twice.
        cloud.queue_attributes("RenditionsQueueUrl", VisibilityTimeout="20"),
        cloud.proxy.fault(operation, kill),
    ):
        film = cloud.ledger.drop(name, DICOM)
        wait_until(lambda: killed, "the kill")
        cloud.settle()
    record = cloud.ledger.record(film)
    assert record
    assert (record.judgement.finding, record.alert) == ("PNEUMONIA", "SENT")
    cloud.ledger.collect()
    assert cloud.ledger.alerts[film] == cloud.ledger.told[film] == 1
    report(f"render killed {moment}", "tried again by the queue")


def test_a_missing_rendition_is_made_again_and_the_film_does_not_circulate(
    cloud: BrokenCloud,
) -> None:
    bucket = cloud.stack.outputs["RenditionsBucketName"]
    answers = [xml_error(404, "NoSuchKey")] * 2

    def miss(exchange: Exchange) -> Reply | None:
        ours = bucket in exchange.path and answers
        return answers.pop()(exchange) if ours else exchange.forward()

    made = cloud.proxy.answered["PutObject"]
    with cloud.proxy.fault("GetObject", miss):
        film = cloud.ledger.drop(key().replace(".jpeg", ".dcm"), DICOM)
        wait_until(lambda: cloud.ledger.record(film), "the record", 60)
    cloud.settle()
    assert cloud.proxy.answered["PutObject"] - made == 3 * PUT_BY_RENDER
    assert answers == []
    report("S3: the rendition is not there", "made anew")


@pytest.mark.slow
def test_a_rendition_that_is_always_missing_ends_as_a_dead_letter(cloud: BrokenCloud) -> None:
    bucket = cloud.stack.outputs["RenditionsBucketName"]
    dead = "UploadsDeadLetterQueueUrl"

    def miss(exchange: Exchange) -> Reply | None:
        gone = xml_error(404, "NoSuchKey")
        return gone(exchange) if bucket in exchange.path else exchange.forward()

    made = cloud.proxy.answered["PutObject"]
    with cloud.proxy.fault("GetObject", miss):
        film = cloud.ledger.drop(key().replace(".jpeg", ".dcm"), DICOM)
        wait_until(lambda: cloud.waiting(dead), "a dead letter", 180)
    assert cloud.proxy.answered["PutObject"] - made == 5 * PUT_BY_RENDER
    assert cloud.ledger.audit().dead == {film}
    assert sum(each.moved for each in redrive(cloud.operator(), dead)) == 1
    cloud.settle()
    assert cloud.ledger.record(film)
    report("S3: the rendition is never there", "in the dead-letter queue after five renderings")


def test_the_function_reaches_its_time_out(cloud: BrokenCloud) -> None:
    silent = cloud.proxy.fault("InvokeEndpoint", once(stall))
    with cloud.short_lived_function(seconds=4), silent as met:
        film = cloud.ledger.drop(key(), POSITIVE)
        wait_until(lambda: met, "the question")
        cloud.settle()
    cloud.ledger.collect()
    assert cloud.ledger.alerts[film] == cloud.ledger.told[film] == 1
    report("function at its time-out", "tried again by the queue")


def test_a_film_that_fails_every_time_ends_in_the_dead_letter_queue(cloud: BrokenCloud) -> None:
    dead = "UploadsDeadLetterQueueUrl"
    with (
        cloud.tries(2),
        cloud.proxy.fault("InvokeEndpoint", error(503, "ServiceUnavailable")),
    ):
        film = cloud.ledger.drop(key(), POSITIVE)
        wait_until(lambda: cloud.waiting(dead), "a dead letter")
    audit = cloud.ledger.audit()
    assert audit.dead == {film}
    assert audit.sound
    assert cloud.ledger.record(film) is None

    assert sum(each.moved for each in redrive(cloud.operator(), dead)) == 1
    cloud.settle()
    record = cloud.ledger.record(film)
    assert record
    assert record.alert == "SENT"
    report("endpoint: 503 for good", "in the dead-letter queue, whose count its alarm watches")


def test_a_malformed_message_ends_in_the_dead_letter_queue(cloud: BrokenCloud) -> None:
    with cloud.tries(2):
        cloud.send('{"source": "aws.s3", "detail-type": "Object Created", "detail": {}}')
        wait_until(lambda: cloud.waiting("UploadsDeadLetterQueueUrl"), "a dead letter")
    cloud.stack.sqs.purge_queue(QueueUrl=cloud.stack.outputs["UploadsDeadLetterQueueUrl"])
    report("a malformed message", "in the dead-letter queue, whose count its alarm watches")


def test_an_s3_test_event_is_consumed(cloud: BrokenCloud) -> None:
    cloud.send(json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "uploads"}))
    cloud.settle(seconds=10)
    assert cloud.waiting("UploadsDeadLetterQueueUrl") == 0
    report("an S3 test event", "consumed")


def test_the_same_message_is_delivered_twice_at_once(cloud: BrokenCloud) -> None:
    """The endpoint waits until both deliveries have asked, so neither finds the other's record."""
    both = threading.Barrier(2)

    def meet(exchange: Exchange) -> Reply:
        both.wait(30)
        return exchange.forward()

    with cloud.proxy.fault("InvokeEndpoint", meet) as met:
        film = cloud.ledger.drop(key(), POSITIVE)
        wait_until(lambda: met, "the first question")
        cloud.tell(cloud.upload(film))
        cloud.settle()
    cloud.ledger.collect()
    assert len(met) == 2
    assert cloud.ledger.alerts[film] == cloud.ledger.told[film] == 1
    report("the same message twice at once", "one record, one alert")


def test_versions_come_out_of_order(cloud: BrokenCloud) -> None:
    name = key()
    films = []
    with cloud.proxy.fault("Query", hang_up):
        given_back = cloud.given_back
        films.append(cloud.ledger.drop(name, POSITIVE))
        wait_until(lambda: cloud.given_back > given_back, "a failed try", 60)
    films.append(cloud.ledger.drop(name, NEGATIVE))
    wait_until(lambda: cloud.ledger.record(films[1]), "the newer version's record")
    cloud.settle()
    older, newer = (cloud.ledger.record(film) for film in films)
    assert older
    assert newer
    assert (older.judgement.finding, newer.judgement.finding) == ("PNEUMONIA", "NORMAL")
    assert newer.judgement.classified < older.judgement.classified
    report("messages out of order", "each version its own record")


def test_the_film_is_deleted_or_replaced_before_it_is_read(cloud: BrokenCloud) -> None:
    bucket = cloud.stack.outputs["UploadsBucketName"]
    deleted, replaced = key(), key()

    def change(exchange: Exchange) -> Reply:
        if deleted in exchange.path:
            version = exchange.path.partition("versionId=")[2].partition("&")[0]
            cloud.stack.s3.delete_object(Bucket=bucket, Key=deleted, VersionId=version)
        elif len([film for film in cloud.ledger.dropped if film[0] == replaced]) == 1:
            cloud.ledger.drop(replaced, NEGATIVE)
        return exchange.forward()

    with cloud.proxy.fault("GetObject", change):
        gone = cloud.ledger.drop(deleted, POSITIVE)
        first = cloud.ledger.drop(replaced, POSITIVE)
        cloud.settle()
    record = cloud.ledger.record(gone)
    assert record
    assert record.judgement.reason == "The file was deleted before it could be read."
    record = cloud.ledger.record(first)
    assert record
    assert record.judgement.finding == "PNEUMONIA"
    report("S3: deleted before it is read", "rejected with its reason, no alert")
    report("S3: replaced before it is read", "each version its own record")


def test_the_function_and_the_container_die_under_load(cloud: BrokenCloud) -> None:
    with cloud.short_lived_function(seconds=10):
        with ThreadPoolExecutor(4) as pool:
            keys = [key() for _ in range(40)]
            drops = [
                pool.submit(cloud.ledger.drop, each, (POSITIVE, NEGATIVE)[number % 2])
                for number, each in enumerate(keys)
            ]
            wait_until(lambda: cloud.proxy.answered["InvokeEndpoint"], "the first answer")
            cloud.kill_container()
            cloud.kill_function()
            cloud.stack.start_container()
            cloud.kill_function()
            films = [drop.result() for drop in drops]
        cloud.settle(120)
    assert cloud.ledger.dropped.issuperset(films)
    assert cloud.ledger.audit().sound
    report("function and container killed under load", "tried again by the queue")


@pytest.mark.slow
def test_a_sent_alert_cannot_be_marked(cloud: BrokenCloud) -> None:
    with cloud.short_lived_function(seconds=20):
        given_back = cloud.given_back
        with cloud.proxy.fault("UpdateItem", after(hang_up)):
            film = cloud.ledger.drop(key(), POSITIVE)
            wait_until(lambda: cloud.given_back > given_back, "a failed try", 60)
        cloud.settle(120)
    cloud.ledger.collect()
    assert cloud.ledger.alerts[film] == 1
    report("DynamoDB, mark the alert sent: no answer after it took effect", "marked, not repeated")
