"""The handler: an upload to render in, the same upload with its rendition out.

Whatever the film does to its child process, it ends as a rendition or a refusal, and goes back to
the uploads queue as that. What else fails raises, and the renditions queue delivers it again: to
render a film twice leaves the same object, and the record is still one.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from aws.clients import Clients
from aws.uploads_bucket import Films
from aws.uploads_queue import UploadsQueue
from imaging.cell import Cell
from imaging.refusals import NotReadable
from screening.refusals import Rejected
from screening.rendition import NotRendered, Rendered
from screening.upload import Upload, read_upload

SERVICE = "render"
NAMESPACE = "CxrAlert"

Handler: TypeAlias = Callable[[dict[str, Any], Any], None]

logger = Logger(service=SERVICE)
metrics = Metrics(namespace=NAMESPACE, service=SERVICE)


def make_handler(environment: Mapping[str, str], clients: Clients, cell: Cell) -> Handler:
    """Return the function that Lambda calls with one message at a time."""
    films = Films(clients.s3, environment["RENDITIONS_BUCKET"])
    uploads = UploadsQueue(clients.make_sqs, environment["UPLOADS_QUEUE_URL"])

    @logger.inject_lambda_context
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: object) -> None:
        for message in event["Records"]:
            upload = read_upload(message["body"])
            if upload is not None:
                metrics.add_metric("RenditionsTried", MetricUnit.Count, 1)
                started = time.monotonic()
                rendered = _render(upload, films, cell)
                uploads.announce(replace(upload, rendered=rendered))
                _report(upload, rendered, time.monotonic() - started)

    return handler


def _render(upload: Upload, films: Films, cell: Cell) -> Rendered | NotRendered:
    try:
        rendition = cell.render(films.read(upload))
    except Rejected as rejection:
        return NotRendered(str(rejection), rejection.code)
    except NotReadable as refusal:
        return NotRendered(str(refusal), getattr(refusal, "code", None))
    films.put_rendition(upload, rendition.png)
    return Rendered(rendition.facts)


def _report(upload: Upload, rendered: Rendered | NotRendered, seconds: float) -> None:
    refused = isinstance(rendered, NotRendered)
    logger.info(
        "Film refused" if refused else "Film rendered",
        film=upload.log_id,
        code=rendered.code if isinstance(rendered, NotRendered) else None,
        size=upload.size,
        seconds=round(seconds, 3),
    )
    metrics.add_metric("RenditionsRefused", MetricUnit.Count, int(refused))
    metrics.add_metric("RenditionsMade", MetricUnit.Count, int(not refused))
