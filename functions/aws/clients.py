"""The AWS clients, made once; their time limits end before the function's timeout.

The sum of all waits of one batch stays below the function's timeout in template.yaml. Each call
takes at most `attempts x (connect + read) + back-off`, see `longest_wait`. The clients retry once,
for a transient error; retries during an outage are left to the queue.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

BATCH_SIZE = 10  # of the event source; each film needs a connection to each service
ATTEMPTS = 2
BACK_OFF_SECONDS = 1  # at most, before botocore's second attempt in its standard mode
CONNECT_SECONDS = 1
READ_SECONDS = {
    "dynamodb": 2,
    "s3": 3,
    "sagemaker-runtime": 15,  # a serverless endpoint starts its container first
    "sns": 3,  # an early timeout would repeat an alert that was sent
    "sqs": 2,
    "ssm": 2,
    "cloudwatch": 5,
}
_SPEAK_JSON = {"dynamodb", "sqs"}
# Nobody waits for what runs on a schedule.
PATIENT_ATTEMPTS = 5
PATIENT_READ_SECONDS = 20
WAITED_FOR_READ_SECONDS = 8


@dataclass(frozen=True)
class Clients:
    s3: "S3Client"
    endpoint: "SageMakerRuntimeClient"
    dynamodb: "DynamoDBClient"
    sns: "SNSClient"
    make_sqs: Callable[[], "SQSClient"]  # made only when a film fails

    def close(self) -> None:
        for client in (self.s3, self.endpoint, self.dynamodb, self.sns):
            client.close()


@dataclass(frozen=True)
class RenderClients:
    s3: "S3Client"
    make_sqs: Callable[[], "SQSClient"]


@dataclass(frozen=True)
class NotifyClients:
    sns: "SNSClient"
    ssm: Any
    make_sqs: Callable[[], "SQSClient"]


@dataclass(frozen=True)
class ReconcileClients:
    s3: "S3Client"
    dynamodb: "DynamoDBClient"
    sqs: "SQSClient"


@dataclass(frozen=True)
class WatchClients:
    sns: "SNSClient"
    cloudwatch: Any


@dataclass(frozen=True)
class PublishClients:
    sqs: "SQSClient"
    ssm: Any


@dataclass(frozen=True)
class DriftClients:
    dynamodb: "DynamoDBClient"
    endpoint: "SageMakerRuntimeClient"
    sns: "SNSClient"


@dataclass(frozen=True)
class WorklistClients:
    dynamodb: "DynamoDBClient"
    s3: "S3Client"
    sns: "SNSClient"
    ssm: Any
    make_sqs: Callable[[], "SQSClient"]


# botocore builds its own user agent twice for every call: a tenth of the CPU time of a film.
_USER_AGENT = f"Boto3/{boto3.__version__} cxr-alert"


@cache
def _session() -> boto3.session.Session:
    """Return the shared session: each new one reads the service descriptions from disk again."""
    return boto3.session.Session()


class NotTheService(BotoCoreError):
    """Something other than the service answered, e.g. a proxy with an error page."""

    fmt = "The answer is not the service's own"


def _refuse_pages(response_dict: dict[str, Any], **_: object) -> None:
    """Raise NotTheService if the answer is a web page.

    For services with JSON answers, the SDK reads a web page as an empty success; for others it
    raises undocumented errors. The reader of a streamed body has to check that body.
    """
    body = response_dict["body"]
    whole = isinstance(body, bytes) and response_dict["status_code"] < 300
    if whole and body.lstrip()[:9].lower().startswith((b"<html", b"<!doctype")):
        raise NotTheService


def _refuse_what_is_no_json(response_dict: dict[str, Any], **_: object) -> None:
    body: bytes = response_dict["body"].strip()
    if response_dict["status_code"] < 300 and body and (body[:1], body[-1:]) != (b"{", b"}"):
        raise NotTheService


def make_clients() -> Clients:
    return Clients(
        s3=_client("s3"),
        endpoint=_client("sagemaker-runtime"),
        dynamodb=_client("dynamodb"),
        sns=_client("sns"),
        make_sqs=lambda: _client("sqs"),
    )


def make_render_clients() -> RenderClients:
    return RenderClients(
        s3=_client("s3"),
        make_sqs=lambda: _client("sqs"),
    )


def make_notify_clients() -> NotifyClients:
    return NotifyClients(
        # One attempt only: a retry could exceed the rate of messages.
        sns=_client("sns", attempts=1),
        ssm=_client("ssm", attempts=1),
        make_sqs=lambda: _client("sqs"),
    )


def make_reconcile_clients() -> ReconcileClients:
    patient = {"read_seconds": PATIENT_READ_SECONDS, "attempts": PATIENT_ATTEMPTS}
    return ReconcileClients(
        s3=_client("s3", **patient),
        dynamodb=_client("dynamodb", **patient),
        sqs=_client("sqs", **patient),
    )


def make_watch_clients() -> WatchClients:
    return WatchClients(
        sns=_client("sns"),
        cloudwatch=_client("cloudwatch"),
    )


def make_publish_clients() -> PublishClients:
    return PublishClients(sqs=_client("sqs"), ssm=_client("ssm", attempts=1))


def make_drift_clients() -> DriftClients:
    patient = {"read_seconds": PATIENT_READ_SECONDS, "attempts": PATIENT_ATTEMPTS}
    return DriftClients(
        dynamodb=_client("dynamodb", **patient),
        endpoint=_client("sagemaker-runtime"),
        sns=_client("sns"),
    )


def make_worklist_clients() -> WorklistClients:
    # A person waits, and API Gateway gives up after 30 seconds; a list takes longer than a record.
    waited_for = {"read_seconds": WAITED_FOR_READ_SECONDS}
    return WorklistClients(
        dynamodb=_client("dynamodb", **waited_for),
        s3=_client("s3", **waited_for),
        sns=_client("sns"),
        ssm=_client("ssm"),
        make_sqs=lambda: _client("sqs"),
    )


def longest_wait(service: str) -> float:
    """Return the seconds after which a call to `service` has certainly ended."""
    return ATTEMPTS * (CONNECT_SECONDS + READ_SECONDS[service]) + BACK_OFF_SECONDS


def _client(service: Any, *, attempts: int = ATTEMPTS, read_seconds: int | None = None) -> Any:  # noqa: ANN401
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=read_seconds or READ_SECONDS[service],
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=BATCH_SIZE,
        tcp_keepalive=True,
        user_agent=_USER_AGENT,
    )
    client = _session().client(service, config=config)
    client.meta.events.register("before-parse", _refuse_pages)
    if service in _SPEAK_JSON:
        client.meta.events.register(f"before-parse.{service}", _refuse_what_is_no_json)
    return client
