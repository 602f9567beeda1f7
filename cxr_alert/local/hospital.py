"""Deliver the results of a local stack to its PACS, as `cxr-alert send` does."""

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
INSTANCES = ("SR", "OT")  # for one result: a report and a picture


def deliver(stack: Stack, pacs: Pacs, results: int) -> bool:
    """Deliver waiting results until the PACS has this many; return whether it has."""
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
