"""Fixtures for the classify function: see classify_cloud.py for what they hand out."""

import importlib
import io
import sys
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from moto import mock_aws
from moto.dynamodb.responses import DynamoHandler

import classify
from tests.integration.classify_cloud import REGION, Cloud, Endpoint, Stub


@pytest.fixture
def stub() -> Iterator[Stub]:
    server = Stub()
    yield server
    server.stop()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
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
def app(
    cloud: Cloud,
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[ModuleType]:
    """The handler's module as Lambda would load it, afresh."""
    for name, value in {
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": endpoint.url,
        "ENDPOINT_NAME": "cxr-alert",
        "CUTOFF": "0.1",
        "SCREENINGS_TABLE": cloud.table,
        "ALERTS_TOPIC_ARN": cloud.topic,
        "UPLOADS_QUEUE_URL": cloud.queue,
        "RETRY_SECONDS": "1",
        "RECORD_RETENTION_DAYS": "0",
        "POWERTOOLS_SERVICE_NAME": "classify",
        "POWERTOOLS_METRICS_NAMESPACE": "CxrAlert",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("app", "observe", "clients", "uploads_queue"):
        monkeypatch.delitem(sys.modules, f"classify.{name}", raising=False)
        monkeypatch.delattr(classify, name, raising=False)
    module = importlib.import_module("classify.app")
    # The logger is the same for the whole process, and holds on to the first test's stdout.
    module.observe.logger.handlers[0].setStream(io.StringIO())
    yield module
    module.pool.shutdown()
    for client in module.clients:
        client.close()


@pytest.fixture
def log(app: ModuleType) -> io.StringIO:
    """What the function logs."""
    stream: io.StringIO = app.observe.logger.handlers[0].stream
    return stream
