"""The environment of the functions: each variable, its allowed values and their meaning.

Each field of a configuration is the environment variable with that name in capitals. template.yaml
sets them; a test checks that it sets exactly these, and that its parameters allow the same values.
`Config` is the configuration of `classify`; the other functions have theirs beside their handlers.
"""

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

NAMESPACE = "CxrAlert"  # of the metrics; template.yaml's alarms and dashboard select by it
DEFAULT_CUTOFF = Decimal("0.1")
# Short periods are not allowed: a film without a record counts as never screened, and its dead
# letter may be redriven for 14 days.
RETENTION_DAYS = (0, 30, 60, 90, 180, 365, 731, 1827, 3653)

ENDPOINT_NAME = "[a-z0-9](-*[a-z0-9]){0,62}"
_PROBABILITY = r"0?\.\d*[1-9]\d*|1(\.0*)?"
TABLE = r"[a-zA-Z0-9_.-]{3,255}"
TOPIC = r"arn:[a-z-]+:sns:[a-z0-9-]+:\d+:[a-zA-Z0-9_-]+"
URL = r"https?://\S+"
PARAMETER = r"(/[\w.-]+)+"
SECONDS = r"[1-9]\d?|[1-8]\d\d|900"
DAYS = "|".join(str(days) for days in RETENTION_DAYS)
BUCKET = r"[a-z0-9][a-z0-9.-]{2,62}"
KMS_KEY = r"arn:[a-z-]+:kms:[a-z0-9-]+:\d+:key/[a-zA-Z0-9-]+"
STACK = r"[a-zA-Z][a-zA-Z0-9-]{0,127}"
TRIES = r"[1-9]\d{0,2}"
MEGABYTES = r"[1-9]|1\d|2[0-5]"


_Kind = TypeVar("_Kind", bound="DataclassInstance")


class WrongConfiguration(Exception):
    """An environment variable is missing or wrong; the message names it and its allowed values."""


@dataclass(frozen=True)
class Variable:
    pattern: str
    meaning: str


@dataclass(frozen=True)
class Config:
    endpoint_name: Annotated[
        str, Variable(ENDPOINT_NAME, "the name of a SageMaker endpoint, in lower case")
    ]
    cutoff: Annotated[Decimal, Variable(_PROBABILITY, "above 0 and at most 1, e.g. 0.1")]
    screenings_table: Annotated[str, Variable(TABLE, "the name of a DynamoDB table")]
    alerts_topic_arn: Annotated[str, Variable(TOPIC, "the ARN of an SNS topic")]
    uploads_queue_url: Annotated[str, Variable(URL, "the URL of an SQS queue")]
    uploads_backfill_queue_url: Annotated[str, Variable(URL, "the URL of an SQS queue")]
    dead_letter_queue_url: Annotated[str, Variable(URL, "the URL of an SQS queue")]
    renditions_queue_url: Annotated[str, Variable(URL, "the URL of an SQS queue")]
    renditions_backfill_queue_url: Annotated[str, Variable(URL, "the URL of an SQS queue")]
    renditions_bucket: Annotated[str, Variable(BUCKET, "the name of a bucket")]
    key_arn: Annotated[str, Variable(KMS_KEY, "the ARN of a key in KMS")]
    retry_seconds: Annotated[int, Variable(SECONDS, "whole seconds from 1 to 900")]
    most_tries: Annotated[int, Variable(TRIES, "the uploads queue's maxReceiveCount")]
    largest_body_mb: Annotated[int, Variable(MEGABYTES, "whole MB from 1 to 25")]
    record_retention_days: Annotated[
        int, Variable(DAYS, f"0 for no end, or days: {', '.join(map(str, RETENTION_DAYS[1:]))}")
    ]
    stack_name: Annotated[str, Variable(STACK, "the name of a CloudFormation stack")]


def read_config(environment: Mapping[str, str], kind: type[_Kind]) -> _Kind:
    """Return the configuration; raise WrongConfiguration if a variable is missing or wrong."""
    values: dict[str, Any] = {}
    for each in fields(kind):
        name = each.name.upper()
        convert, variable = get_args(each.type)
        text = environment.get(name, "").strip()
        if not text and each.default is not MISSING:
            continue
        if not text:
            raise WrongConfiguration(f"{name} is not set: it must be {variable.meaning}.")
        if not re.fullmatch(variable.pattern, text):
            raise WrongConfiguration(f"{name} is {text!r}: it must be {variable.meaning}.")
        values[each.name] = convert(text)
    return kind(**values)


def environment_of(config: "DataclassInstance") -> dict[str, str]:
    """Return the environment variables from which `read_config` reads this configuration."""
    return {each.name.upper(): str(getattr(config, each.name)) for each in fields(Config)}
