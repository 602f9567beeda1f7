"""The handler of `classify`: takes messages of uploads, returns the failed ones."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aws.clients import BATCH_SIZE, Clients
from aws.consumer import Consumer
from aws.endpoint import Endpoint
from aws.handler import Failures, Handler
from aws.observe import Observer
from aws.queue import Lanes, Queue
from aws.screenings_table import Screenings
from aws.topic import Topic
from aws.uploads_bucket import Films
from classify.batch import Outcome, Services, screen_and_alert
from screening.clock import now, stamp
from screening.config import Config
from screening.judgement import Finding
from screening.record import Claim
from screening.upload import Upload, is_check_key, read_upload

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

CLOCKS_DIFFER = timedelta(seconds=5)  # transfer between machines takes at most this long

observer = Observer("classify")


def make_services(config: Config, clients: Clients) -> Services:
    return Services(
        films=Films(clients.s3, config.renditions_bucket, config.key_arn),
        renditions=Lanes(
            Queue(clients.make_sqs, config.renditions_queue_url),
            Queue(clients.make_sqs, config.renditions_backfill_queue_url),
        ),
        endpoint=Endpoint(clients.endpoint, config.endpoint_name, config.largest_body_mb),
        screenings=Screenings(
            clients.dynamodb, config.screenings_table, config.record_retention_days
        ),
        alerts=Topic(clients.sns, config.alerts_topic_arn),
        cutoff=config.cutoff,
        retry_seconds=config.retry_seconds,
    )


def make_handler(config: Config, clients: Clients) -> Handler[Failures]:
    """Return the Lambda handler for batches of messages."""
    services = make_services(config, clients)
    consumer = Consumer(
        queues=[
            Queue(clients.make_sqs, config.uploads_queue_url),
            Queue(clients.make_sqs, config.uploads_backfill_queue_url),
        ],
        dead_letters=Queue(clients.make_sqs, config.dead_letter_queue_url),
        observer=observer,
        first_wait=config.retry_seconds,
        most_tries=config.most_tries,
    )
    observer.metrics.set_default_dimensions(stack=config.stack_name)
    pool = ThreadPoolExecutor(BATCH_SIZE, thread_name_prefix="film")

    @observer.logger.inject_lambda_context
    @observer.metrics.log_metrics
    def handler(event: dict[str, Any], context: "LambdaContext") -> Failures:
        def screen(uploads: Sequence[Upload]) -> Mapping[Upload, BaseException]:
            # Several messages may name one upload; it is screened once, with the message that has
            # more details.
            chosen = dict.fromkeys(sorted(uploads, key=lambda one: one.rendered is None))
            outcomes = screen_and_alert(chosen, services, _claim(context), pool)
            _report(outcomes)
            return {one.upload: one.failure for one in outcomes if one.failure}

        return consumer.consume(event, _read, screen)

    return handler


def _read(body: str) -> Upload | None:
    upload = read_upload(body)
    return None if upload is None or upload.is_folder_marker else upload


def _claim(context: "LambdaContext") -> Claim:
    remaining = timedelta(milliseconds=context.get_remaining_time_in_millis())
    return Claim(by=context.aws_request_id, until=stamp(now() + remaining + CLOCKS_DIFFER))


def _report(outcomes: Sequence[Outcome]) -> None:
    made = [one.record for one in outcomes if one.new and one.record]
    for outcome in outcomes:
        film = outcome.upload.log_id
        if outcome.new and (record := outcome.record):
            judgement = record.judgement
            observer.logger.info(
                "Version recorded: its bytes are those of an earlier one"
                if record.repeats
                else "Film screened",
                film=film,
                finding=judgement.finding,
                probability=judgement.probability,
                code=judgement.code,
                reason=judgement.reason,
                model=judgement.model,
                size=record.size,
            )
        if outcome.placeholder:
            observer.logger.info("Empty version ignored: another one followed", film=film)
        if outcome.sent_to_render:
            observer.logger.info("Film sent to be rendered", film=film)
        if outcome.alert_sent:
            observer.logger.info("Alert sent", film=film)
    films = [record for record in made if not (record.repeats or is_check_key(record.key))]
    findings = [record.judgement.finding for record in films]
    observer.count("FilmsScreened", len(made) + sum(one.placeholder for one in outcomes))
    observer.count("PossiblePneumonia", findings.count(Finding.PNEUMONIA))
    observer.count("FilmsRejected", findings.count(Finding.REJECTED))
    observer.count("FilmsSentToRender", sum(one.sent_to_render for one in outcomes))
    observer.count("AlertsSent", sum(one.alert_sent for one in outcomes))
