"""The function's environment: each variable, what it may hold, and what it means, said once.

Every field of `Config` is the variable of that name in capitals. template.yaml sets them; a test
says that it sets just these, and that its parameters allow what is allowed here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Annotated, Any, get_args

DEFAULT_CUTOFF = Decimal("0.1")
# None of them short: a film whose record is gone counts as never screened, and a dead letter may
# come back to it for 14 days.
RETENTION_DAYS = (0, 30, 60, 90, 180, 365, 731, 1827, 3653)

ENDPOINT_NAME = "[a-z0-9](-*[a-z0-9]){0,62}"
_PROBABILITY = r"0?\.\d*[1-9]\d*|1(\.0*)?"
_TABLE = r"[a-zA-Z0-9_.-]{3,255}"
_BUCKET = r"[a-z0-9.-]{3,63}"
_TOPIC = r"arn:[a-z-]+:sns:[a-z0-9-]+:\d+:[a-zA-Z0-9_-]+"
_URL = r"https?://\S+"
_SECONDS = r"[1-9]\d?|[1-8]\d\d|900"
_DAYS = "|".join(str(days) for days in RETENTION_DAYS)


class WrongConfiguration(Exception):
    """An environment variable is missing or wrong; the message names it and what it must be."""


@dataclass(frozen=True)
class _Variable:
    pattern: str
    meaning: str


@dataclass(frozen=True)
class Config:
    endpoint_name: Annotated[
        str, _Variable(ENDPOINT_NAME, "the name of a SageMaker endpoint, in lower case")
    ]
    cutoff: Annotated[Decimal, _Variable(_PROBABILITY, "above 0 and at most 1, such as 0.1")]
    screenings_table: Annotated[str, _Variable(_TABLE, "the name of a DynamoDB table")]
    alerts_topic_arn: Annotated[str, _Variable(_TOPIC, "the ARN of an SNS topic")]
    uploads_queue_url: Annotated[str, _Variable(_URL, "the URL of an SQS queue")]
    renditions_queue_url: Annotated[str, _Variable(_URL, "the URL of an SQS queue")]
    renditions_bucket: Annotated[str, _Variable(_BUCKET, "the name of an S3 bucket")]
    retry_seconds: Annotated[int, _Variable(_SECONDS, "whole seconds from 1 to 900")]
    record_retention_days: Annotated[
        int, _Variable(_DAYS, f"0 for no end, or days: {', '.join(map(str, RETENTION_DAYS[1:]))}")
    ]


def read_config(environment: Mapping[str, str]) -> Config:
    """Return the configuration; raise WrongConfiguration where it cannot work."""
    values: dict[str, Any] = {}
    for each in fields(Config):
        name = each.name.upper()
        convert, variable = get_args(each.type)
        text = environment.get(name, "").strip()
        if not text:
            raise WrongConfiguration(f"{name} is not set: it must be {variable.meaning}.")
        if not re.fullmatch(variable.pattern, text):
            raise WrongConfiguration(f"{name} is {text!r}: it must be {variable.meaning}.")
        values[each.name] = convert(text)
    return Config(**values)


def environment_of(config: Config) -> dict[str, str]:
    """Return the variables that `read_config` reads as this configuration."""
    return {each.name.upper(): str(getattr(config, each.name)) for each in fields(Config)}
