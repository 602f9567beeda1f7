"""What the environment tells the function, read and checked once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

_ENDPOINT = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
_PROBABILITY = r"0?\.\d*[1-9]\d*|1(\.0*)?"
_TABLE = r"[a-zA-Z0-9_.-]{3,255}"
_TOPIC = r"arn:[a-z-]+:sns:[a-z0-9-]+:\d+:[a-zA-Z0-9_-]+"
_URL = r"https?://\S+"
_SECONDS = r"[1-9]\d?|[1-8]\d\d|900"
_DAYS = r"0|[1-9]\d{1,4}"


class WrongConfiguration(Exception):
    """An environment variable is missing or wrong; the message names it and what it must be."""


@dataclass(frozen=True)
class Config:
    endpoint_name: str
    cutoff: Decimal
    screenings_table: str
    alerts_topic_arn: str
    uploads_queue_url: str
    retry_seconds: int
    record_retention_days: int


def read_config(environment: Mapping[str, str]) -> Config:
    """Return the configuration; raise WrongConfiguration where it cannot work."""

    def read(name: str, pattern: str, meaning: str) -> str:
        value = environment.get(name, "").strip()
        if not value:
            raise WrongConfiguration(f"{name} is not set: it must be {meaning}.")
        if not re.fullmatch(pattern, value):
            raise WrongConfiguration(f"{name} is {value!r}: it must be {meaning}.")
        return value

    return Config(
        endpoint_name=read("ENDPOINT_NAME", _ENDPOINT, "the name of a SageMaker endpoint"),
        cutoff=Decimal(read("CUTOFF", _PROBABILITY, "above 0 and at most 1, such as 0.1")),
        screenings_table=read("SCREENINGS_TABLE", _TABLE, "the name of a DynamoDB table"),
        alerts_topic_arn=read("ALERTS_TOPIC_ARN", _TOPIC, "the ARN of an SNS topic"),
        uploads_queue_url=read("UPLOADS_QUEUE_URL", _URL, "the URL of an SQS queue"),
        retry_seconds=int(read("RETRY_SECONDS", _SECONDS, "whole seconds from 1 to 900")),
        record_retention_days=int(
            read("RECORD_RETENTION_DAYS", _DAYS, "0 for no end, or whole days from 10 on")
        ),
    )
