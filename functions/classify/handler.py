"""The handler: messages of uploads in, the failed ones out; batch.py tells what happens between."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from botocore.exceptions import BotoCoreError, ClientError

from aws.clients import BATCH_SIZE, Clients
from aws.endpoint import Endpoint
from aws.queue import NotSent, Queue
from aws.screenings_table import Screenings
from aws.topic import Topic
from aws.uploads_bucket import Films
from classify import observe
from classify.batch import Services, screen_and_alert
from screening.clock import now, stamp
from screening.config import Config
from screening.record import Claim
from screening.upload import MalformedMessage, Upload, read_upload

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext

CLOCKS_DIFFER = timedelta(seconds=5)  # at most, from one machine to another

# The context is Lambda's own, or whatever has its members.
Handler: TypeAlias = Callable[[dict[str, Any], Any], dict[str, Any]]


def make_services(config: Config, clients: Clients) -> Services:
    return Services(
        films=Films(clients.s3, config.renditions_bucket),
        renditions=Queue(clients.make_sqs, config.renditions_queue_url),
        endpoint=Endpoint(clients.endpoint, config.endpoint_name, config.largest_body_mb),
        screenings=Screenings(
            clients.dynamodb, config.screenings_table, config.record_retention_days
        ),
        alerts=Topic(clients.sns, config.alerts_topic_arn),
        cutoff=config.cutoff,
    )


def make_handler(config: Config, clients: Clients) -> Handler:
    """Return the function that Lambda calls with each batch of messages."""
    services = make_services(config, clients)
    queue = Queue(clients.make_sqs, config.uploads_queue_url)
    dead_letters = Queue(clients.make_sqs, config.dead_letter_queue_url)
    observe.metrics.set_default_dimensions(stack=config.stack_name)
    pool = ThreadPoolExecutor(BATCH_SIZE, thread_name_prefix="film")

    @observe.logger.inject_lambda_context
    @observe.metrics.log_metrics
    def handler(event: dict[str, Any], context: "LambdaContext") -> "PartialItemFailureResponse":
        messages = [SQSRecord(record) for record in event["Records"]]
        uploads, failures = _read(messages)
        failures = _give_up(dead_letters, messages, failures)
        # Several messages may tell of one upload; it is screened once, by one that has more to say.
        chosen = dict.fromkeys(sorted(uploads.values(), key=lambda one: one.rendered is None))
        outcomes = screen_and_alert(chosen, services, _claim(context), pool)
        observe.report_outcomes(outcomes)
        failed = {outcome.upload: outcome.failure for outcome in outcomes if outcome.failure}
        failures |= {name: failed[upload] for name, upload in uploads.items() if upload in failed}

        def settle(record: SQSRecord) -> None:  # powertools asks for this name
            if failure := failures.get(record.message_id):
                observe.report_failure(record, uploads.get(record.message_id), failure)
                raise failure

        processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
        with processor(records=event["Records"], handler=settle):
            processor.process()
        postponed = [message for message in messages if message.message_id in failures]
        _postpone(queue, postponed, config)
        return processor.response()

    return handler


def _read(messages: list[SQSRecord]) -> tuple[dict[str, Upload], dict[str, BaseException]]:
    """Return the uploads, and what is wrong with other messages, by the message's id."""
    uploads: dict[str, Upload] = {}
    failures: dict[str, BaseException] = {}
    for message in messages:
        try:
            upload = read_upload(message.body)
        except MalformedMessage as malformed:
            failures[message.message_id] = malformed
            continue
        if upload is None or upload.is_folder_marker:
            observe.report_ignored(message)
        else:
            uploads[message.message_id] = upload
    return uploads, failures


def _claim(context: "LambdaContext") -> Claim:
    remaining = timedelta(milliseconds=context.get_remaining_time_in_millis())
    return Claim(by=context.aws_request_id, until=stamp(now() + remaining + CLOCKS_DIFFER))


def _give_up(
    dead_letters: Queue, messages: list[SQSRecord], failures: dict[str, BaseException]
) -> dict[str, BaseException]:
    """Set aside what no other try would understand; return what even that failed for."""
    malformed = [message for message in messages if message.message_id in failures]
    if not malformed:
        return {}
    try:
        dead_letters.bury(malformed)
    except (ClientError, BotoCoreError, NotSent):
        return failures  # they come back, and some perhaps are set aside twice
    observe.report_given_up(malformed)
    return {}


def _postpone(queue: Queue, messages: list[SQSRecord], config: Config) -> None:
    try:
        queue.postpone(messages, config.retry_seconds, config.most_tries)
    except (ClientError, BotoCoreError) as error:
        # The messages come back all the same, when the queue's visibility timeout is over.
        observe.report_not_postponed(error)
