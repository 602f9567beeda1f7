"""The handler: an upload to render in, the same upload with its rendition out.

Whatever the film does to its child process, it ends as a rendition or a refusal, and goes back to
the uploads queue as that. What else fails, the renditions queue delivers again: to render a film
twice leaves the same object, and the record is still one.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from botocore.exceptions import BotoCoreError, ClientError

from aws.clients import RenderClients
from aws.queue import NotSent, Queue
from aws.uploads_bucket import Films
from imaging.refusals import NotReadable
from imaging.sandbox import Sandbox
from render import observe
from screening.config import BUCKET, SECONDS, STACK, TRIES, URL, Variable
from screening.formats import refuse_others
from screening.refusals import Rejected
from screening.rendition import NotRendered, Rendered
from screening.upload import MalformedMessage, Upload, read_upload

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext

# The context is Lambda's own, or whatever has its members.
Handler: TypeAlias = Callable[[dict[str, Any], Any], dict[str, Any]]


@dataclass(frozen=True)
class Config:
    stack_name: Annotated[str, Variable(STACK, "the name of a CloudFormation stack")]
    renditions_bucket: Annotated[str, Variable(BUCKET, "the name of a bucket")]
    renditions_queue_url: Annotated[str, Variable(URL, "the URL of an SQS queue")]
    renditions_dead_letter_queue_url: Annotated[str, Variable(URL, "the URL of an SQS queue")]
    uploads_queue_url: Annotated[str, Variable(URL, "the URL of an SQS queue")]
    retry_seconds: Annotated[int, Variable(SECONDS, "whole seconds from 1 to 900")]
    most_tries: Annotated[int, Variable(TRIES, "the renditions queue's maxReceiveCount")]


def make_handler(config: Config, clients: RenderClients, sandbox: Sandbox) -> Handler:
    """Return the function that Lambda calls with one message at a time."""
    films = Films(clients.s3, config.renditions_bucket)
    queue = Queue(clients.make_sqs, config.renditions_queue_url)
    dead_letters = Queue(clients.make_sqs, config.renditions_dead_letter_queue_url)
    uploads = Queue(clients.make_sqs, config.uploads_queue_url)
    observe.metrics.set_default_dimensions(stack=config.stack_name)

    @observe.logger.inject_lambda_context
    @observe.metrics.log_metrics
    def handler(event: dict[str, Any], context: "LambdaContext") -> "PartialItemFailureResponse":
        failed: list[SQSRecord] = []

        def settle(record: SQSRecord) -> None:  # powertools asks for this name
            upload = None
            try:
                upload = read_upload(record.body)
                if upload is None:
                    observe.report_ignored(record)
                else:
                    _settle(upload, films, sandbox, uploads)
            except Exception as failure:
                if isinstance(failure, MalformedMessage) and _give_up(dead_letters, record):
                    return
                observe.report_failure(record, upload, failure)
                failed.append(record)
                raise

        processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
        with processor(records=event["Records"], handler=settle):
            processor.process()
        try:
            queue.postpone(failed, config.retry_seconds, config.most_tries)
        except (ClientError, BotoCoreError) as error:
            # They come back all the same, when the queue's visibility timeout is over.
            observe.report_not_postponed(error)
        return processor.response()

    return handler


def _settle(upload: Upload, films: Films, sandbox: Sandbox, uploads: Queue) -> None:
    started = time.monotonic()
    rendered = _render(upload, films, sandbox)
    uploads.hand_on(replace(upload, rendered=rendered))
    observe.report_rendered(upload, rendered, time.monotonic() - started)


def _render(upload: Upload, films: Films, sandbox: Sandbox) -> Rendered | NotRendered:
    try:
        film = films.read(upload)
        refuse_others(film)
        rendition = sandbox.render(film)
    except Rejected as rejection:
        return NotRendered(rejection.code, str(rejection))
    except NotReadable as refusal:
        return NotRendered(refusal.code, str(refusal))
    films.put_rendition(upload, rendition.png)
    return Rendered(rendition.facts)


def _give_up(dead_letters: Queue, message: SQSRecord) -> bool:
    """Set aside what no other try would understand; return whether that was done."""
    try:
        dead_letters.bury([message])
    except (ClientError, BotoCoreError, NotSent):
        return False
    observe.report_given_up(message)
    return True
