"""Finding the application's stacks with an operator's permissions."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from cxr_alert.operate.application import open_application
from screening.errors import Failure

STACK = """<DescribeStacksResponse><DescribeStacksResult><Stacks><member>
<StackName>cxr-alert</StackName><CreationTime>2026-11-27T00:00:00Z</CreationTime>
<StackStatus>CREATE_COMPLETE</StackStatus><Outputs><member>
<OutputKey>UploadsQueueUrl</OutputKey><OutputValue>https://sqs.test/uploads</OutputValue>
</member><member>
<OutputKey>UploadsBackfillQueueUrl</OutputKey><OutputValue>https://sqs.test/old</OutputValue>
</member></Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"""
DENIED = (
    "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
)


class CloudFormation(BaseHTTPRequestHandler):
    """It allows one stack; IAM checks permissions before the stack's existence is known."""

    def do_POST(self) -> None:
        asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        known = asked["StackName"] == ["cxr-alert"]
        body = (STACK if known else DENIED).encode()
        self.send_response(200 if known else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def cloudformation(monkeypatch: pytest.MonkeyPatch, aws_environment: None) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), CloudFormation)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", f"http://127.0.0.1:{server.server_port}")
    yield
    server.shutdown()
    server.server_close()


def test_who_may_not_ask_for_the_results_stack_goes_on_without_it(cloudformation: None) -> None:
    with open_application("cxr-alert", results=True) as found:
        assert set(found.outputs) == {"UploadsQueueUrl", "UploadsBackfillQueueUrl"}


def test_who_may_not_see_the_application_is_told(cloudformation: None) -> None:
    with pytest.raises(Failure, match="AccessDenied"), open_application("another"):
        pass
