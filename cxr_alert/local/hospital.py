"""The results of a local stack's films, delivered into its PACS as `cxr-alert send` does it."""

import time

from aws.screenings_table import Screenings
from cxr_alert.local.pacs import TITLE, Pacs
from cxr_alert.local.stack import Stack
from delivery.films import Films
from delivery.metrics import Metrics
from delivery.pacs import PacsDestination
from delivery.sender import Sender
from delivery.settings import Pacs as PacsSettings
from delivery.settings import Results

PATIENCE = 30.0
INSTANCES = ("SR", "OT")  # of one result: a report, and a picture


def deliver(stack: Stack, pacs: Pacs, results: int) -> bool:
    """Deliver what waits until so many results are in the PACS; return whether they are."""
    films = Films(
        Screenings(stack.dynamodb, stack.outputs["ScreeningsTableName"]),
        stack.s3,
        Results(),
        stack.outputs["RenditionsBucketName"],
    )
    sender = Sender(
        stack.sqs,
        (stack.outputs["ResultsQueueUrl"], stack.outputs["ResultsDeadLetterQueueUrl"]),
        films.result,
        [PacsDestination(PacsSettings("127.0.0.1", pacs.dicom, TITLE))],
        Metrics(stack.client("cloudwatch"), "cxr-alert"),
    )
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        held = pacs.modalities()
        if all(held.get(kind, 0) >= results for kind in INSTANCES):
            return True
        sender.step(wait_seconds=1)
    return False
