"""Malformed requests of an authorised caller get 400 with a sentence, never a server error."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

import worklist.api
from aws.clients import WorklistClients
from aws.handler import Handler
from tests.integration.classify_cloud import Context
from tests.integration.test_worklist_table import _tables

DEEP = "[" * 100_000


@pytest.fixture(scope="module")
def handler() -> Iterator[Handler[dict[str, Any]]]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        entries, reviews = _tables("malformed")
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="uploads")
        nobody: Any = None
        ssm = boto3.client("ssm")
        clients = WorklistClients(entries.client, s3, sns=nobody, ssm=ssm, make_sqs=nobody)
        config = worklist.api.Config(
            "uploads",
            "uploads",
            entries.table,
            entries.table,
            reviews.table,
            "none",
            "https://l",
            "c",
            4,
            "/cxr-alert/worklist",
        )
        yield worklist.api.make_handler(config, clients)


def call(
    handler: Handler[dict[str, Any]], method: str, path: str, body: str | None
) -> dict[str, Any]:
    claims = {"username": "dr-lee", "token_use": "access", "cognito:groups": "[readers]"}
    http = {"method": method, "path": path, "sourceIp": "127.0.0.1", "protocol": "HTTP/1.1"}
    context = {"http": http, "stage": "$default", "authorizer": {"jwt": {"claims": claims}}}
    event = {
        "version": "2.0",
        "routeKey": "ANY /api/{proxy+}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "requestContext": context,
        "isBase64Encoded": False,
        "body": body,
    }
    return handler(event, Context())


@pytest.mark.parametrize(
    "body",
    [
        None,
        "",
        "{",
        DEEP,
        '{"a":' * 100_000,
        "NaN",
        "[]",
        '{"view": []}',
        '{"finding": {}}',
        '{"since": "0001-01-01T00:00:00+14:00"}',
        '{"until": "9999-12-31T23:59:59Z"}',
        '{"cursor": "WzEuMCwiIl0="}',
        '{"text": "\\ud800"}',
        '{"size": NaN}',
    ],
)
def test_the_list_answers_400_and_a_sentence(handler: Handler[dict[str, Any]], body: str) -> None:
    answer = call(handler, "POST", "/api/list", body)
    assert answer["statusCode"] == 400, answer
    assert json.loads(answer["body"])["error"].endswith(".")


@pytest.mark.parametrize("body", [None, DEEP, "[]", '{"id": "0123456789", "note": "\\ud800"}'])
def test_a_review_answers_400_and_a_sentence(handler: Handler[dict[str, Any]], body: str) -> None:
    answer = call(handler, "POST", f"/api/films/{'0' * 32}/reviews", body)
    assert answer["statusCode"] == 400, answer
    assert json.loads(answer["body"])["error"].endswith(".")
