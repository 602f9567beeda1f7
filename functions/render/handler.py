"""The handler of `render`: takes an upload, returns it to its queue with its rendition.

Whatever the film does to its child process, it ends as a rendition or a rejection, which goes back
to the uploads queue. After any other failure, the renditions queue delivers the message again;
rendering a film twice leaves the same object and one record.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

from aws.clients import RenderClients
from aws.consumer import Consumer
from aws.handler import Failures, Handler
from aws.observe import Observer
from aws.queue import Lanes, Queue
from aws.uploads_bucket import Films
from imaging.refusals import NotReadable
from imaging.sandbox import Sandbox, SandboxBroke
from screening.config import BUCKET, KMS_KEY, SECONDS, STACK, TRIES, URL, Variable
from screening.formats import refuse_others
from screening.refusals import Rejected, TryAgain
from screening.rendition import NotRendered, Rendered
from screening.upload import Upload, digest_of, read_upload

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

observer = Observer("render")


@dataclass(frozen=True)
class Config:
    stack_name: Annotated[str, Variable(STACK, "the name of a CloudFormation stack")]
    renditions_bucket: Annotated[str, Variable(BUCKET, "the name of a bucket")]
    key_arn: Annotated[str, Variable(KMS_KEY, "the ARN of a key in KMS")]
    renditions_queue_url: Annotated[str, Variable(URL, "the URL of an SQS queue")]
    renditions_dead_letter_queue_url: Annotated[str, Variable(URL, "the URL of an SQS queue")]
    renditions_backfill_queue_url: Annotated[str, Variable(URL, "the URL of an SQS queue")]
    uploads_queue_url: Annotated[str, Variable(URL, "the URL of an SQS queue")]
    uploads_backfill_queue_url: Annotated[str, Variable(URL, "the URL of an SQS queue")]
    retry_seconds: Annotated[int, Variable(SECONDS, "whole seconds from 1 to 900")]
    most_tries: Annotated[int, Variable(TRIES, "the renditions queue's maxReceiveCount")]


def make_handler(config: Config, clients: RenderClients, sandbox: Sandbox) -> Handler[Failures]:
    """Return the Lambda handler for one message at a time."""
    films = Films(clients.s3, config.renditions_bucket, config.key_arn)
    uploads = Lanes(
        Queue(clients.make_sqs, config.uploads_queue_url),
        Queue(clients.make_sqs, config.uploads_backfill_queue_url),
    )
    consumer = Consumer(
        queues=[
            Queue(clients.make_sqs, config.renditions_queue_url),
            Queue(clients.make_sqs, config.renditions_backfill_queue_url),
        ],
        dead_letters=Queue(clients.make_sqs, config.renditions_dead_letter_queue_url),
        observer=observer,
        first_wait=config.retry_seconds,
        most_tries=config.most_tries,
    )
    observer.metrics.set_default_dimensions(stack=config.stack_name)

    def settle(batch: Sequence[Upload]) -> Mapping[Upload, BaseException]:
        failures: dict[Upload, BaseException] = {}
        for upload in batch:
            try:
                _settle(upload, films, sandbox, uploads)
            except Exception as failure:  # noqa: BLE001 - the queue delivers the film again
                failures[upload] = failure
        return failures

    @observer.logger.inject_lambda_context
    @observer.metrics.log_metrics
    def handler(event: dict[str, Any], context: "LambdaContext") -> Failures:
        return consumer.consume(event, read_upload, settle)

    return handler


def _settle(upload: Upload, films: Films, sandbox: Sandbox, uploads: Lanes) -> None:
    started = time.monotonic()
    upload = _render(upload, films, sandbox)
    uploads.forward(upload)
    _report(upload, time.monotonic() - started)


def _render(upload: Upload, films: Films, sandbox: Sandbox) -> Upload:
    """Return the upload with the outcome of its rendering; the rendition is stored by then."""
    try:
        film = films.read(upload)
        upload = replace(upload, digest=digest_of(film))
        refuse_others(film)
        rendition = sandbox.render(film)
    except Rejected as rejection:
        return replace(upload, rendered=NotRendered(rejection.code, str(rejection)))
    except NotReadable as refusal:
        if refusal.picture is not None:
            films.put_picture(upload, refusal.picture)
        refused = NotRendered(refusal.code, str(refusal), refusal.facts)
        return replace(upload, rendered=refused)
    except SandboxBroke as broken:
        raise TryAgain(str(broken)) from None
    if rendition.picture is not None:
        films.put_picture(upload, rendition.picture)
    films.put_rendition(upload, rendition.png)
    return replace(upload, rendered=Rendered(rendition.facts))


def _report(upload: Upload, seconds: float) -> None:
    refused = upload.rendered if isinstance(upload.rendered, NotRendered) else None
    observer.logger.info(
        "Film refused" if refused else "Film rendered",
        film=upload.log_id,
        code=refused.code if refused else None,
        size=upload.size,
        seconds=round(seconds, 3),
    )
    observer.count("RenditionsRefused", int(refused is not None))
    observer.count("RenditionsMade", int(refused is None))
