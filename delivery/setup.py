"""Build the parts of `send` and `arrivals` from the configuration."""

from typing import Any

import boto3
from botocore.config import Config

from aws.screenings_table import Screenings
from delivery.destination import Destination
from delivery.dicomweb import DicomwebDestination
from delivery.fhir import FhirDestination
from delivery.films import Films
from delivery.metrics import Metrics
from delivery.mllp import MllpDestination
from delivery.pacs import PacsDestination
from delivery.sender import Sender
from delivery.settings import Settings
from intake.identities import Identities, IdentitiesRefused, open_identities
from screening.errors import Mistake

_CONFIG = Config(
    connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 3}
)


def client(service: Any) -> Any:  # noqa: ANN401 - of any service
    return boto3.client(service, config=_CONFIG)


def destinations(settings: Settings) -> list[Destination]:
    """Return the configured destinations; raise Mistake for files that can't be used."""
    found: list[Destination] = []
    if settings.pacs:
        found.append(PacsDestination(settings.pacs))
    if settings.dicomweb and settings.dicomweb.store:
        found.append(DicomwebDestination(settings.dicomweb))
    if settings.fhir:
        found.append(FhirDestination(settings.fhir))
    if settings.hl7:
        found.append(MllpDestination(settings.hl7))
    return found


def films(settings: Settings) -> Films:
    """Return the builder of results; raise Mistake if identities can't be read."""
    screenings = Screenings(client("dynamodb"), settings.aws.table)
    return Films(
        screenings, client("s3"), settings.results, settings.aws.renditions, identities(settings)
    )


def identities(settings: Settings) -> Identities | None:
    """Return the identities kept on site, if there are any; raises Mistake."""
    kept = settings.results
    if kept.keep_identity is None:
        return None
    try:
        return open_identities(kept.keep_identity, kept.identity_key, make=False)
    except IdentitiesRefused as error:
        raise Mistake(f"keep_identity in [results]: {error}") from None


def metrics(settings: Settings) -> Metrics:
    return Metrics(client("cloudwatch"), settings.aws.stack)


def sender(settings: Settings) -> Sender:
    return Sender(
        client("sqs"),
        (settings.aws.queue, settings.aws.dead_letters),
        films(settings).result,
        destinations(settings),
        metrics(settings),
    )
