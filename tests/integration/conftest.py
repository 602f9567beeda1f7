"""Fixtures for the classify function, from classify_cloud.py."""

import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from moto import mock_aws
from moto.dynamodb.responses import DynamoHandler

from aws.clients import BATCH_SIZE, make_clients
from classify.handler import make_handler, make_services, observer
from screening.config import DEFAULT_CUTOFF, Config
from tests.integration.classify_cloud import KEY, REGION, Cloud, EndpointStub, Function, Stub


@pytest.fixture
def stub() -> Iterator[Stub]:
    server = Stub()
    yield server
    server.stop()


@pytest.fixture
def endpoint() -> Iterator[EndpointStub]:
    server = EndpointStub()
    yield server
    server.stop()


@pytest.fixture
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)


@pytest.fixture
def cloud(aws_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    # DynamoDB writes one item at a time; moto, between check and write, lets other threads in.
    one_at_a_time = threading.Lock()
    for name in ("put_item", "update_item"):
        monkeypatch.setattr(
            DynamoHandler, name, _locked(getattr(DynamoHandler, name), one_at_a_time)
        )
    with mock_aws():
        yield Cloud()


def _locked(write: Callable[..., Any], lock: threading.Lock) -> Callable[..., Any]:
    def locked(*args: object, **kwargs: object) -> object:
        with lock:
            return write(*args, **kwargs)

    return locked


@pytest.fixture
def function(
    cloud: Cloud, endpoint: EndpointStub, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Function]:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", endpoint.url)
    config = Config(
        endpoint_name="cxr-alert",
        cutoff=DEFAULT_CUTOFF,
        screenings_table=cloud.table,
        alerts_topic_arn=cloud.topic,
        uploads_queue_url=cloud.queue,
        uploads_backfill_queue_url=cloud.backfill_queue,
        dead_letter_queue_url=cloud.dead_letters,
        renditions_queue_url=cloud.renditions_queue,
        renditions_backfill_queue_url=cloud.renditions_backfill_queue,
        renditions_bucket=cloud.renditions_bucket,
        key_arn=KEY,
        retry_seconds=1,
        most_tries=100,
        largest_body_mb=25,
        record_retention_days=0,
        stack_name="cxr-alert",
    )
    clients = make_clients()
    log = io.StringIO()
    # The logger is the same for the whole process, and holds on to the first test's stdout.
    observer.logger.handlers[0].setStream(log)  # type: ignore[attr-defined]
    with ThreadPoolExecutor(BATCH_SIZE) as pool:
        yield Function(make_handler(config, clients), make_services(config, clients), pool, log)
    clients.close()


@pytest.fixture
def log(function: Function) -> io.StringIO:
    """Return the function's log lines."""
    return function.log
