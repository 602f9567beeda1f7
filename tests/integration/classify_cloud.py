"""The services of the classify function: moto for AWS, a web server for what moto can't do."""

import base64
import contextlib
import hashlib
import io
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3

from aws.handler import Failures, Handler
from classify.batch import Services
from render.handler import Config as RenderConfig
from screening.upload import Upload, event_of
from tests.docs.valid import valid

REGION = "us-east-1"
KEY = "arn:aws:kms:us-east-1:123456789012:key/0b5c8e1a-own"
JPEG = b"\xff\xd8\xff\xe0 a film"


@dataclass
class Reply:
    """The stub's answer.

    With `sent` fewer bytes than promised, it closes the connection in between.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    sent: int | None = None
    delay: float = 0
    trickle: float = 0  # seconds from each byte to the next


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes


class Stub:
    """A web server on a free loopback port, with answers set by the test."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._connections: list[socket.socket] = []
        self.answer: Callable[[Request], Reply] = lambda _: Reply()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def says(self, answer: Reply) -> None:
        self.answer = lambda _: answer

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _handler(stub) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler's
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                stub._connections.append(self.connection)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                request = Request(self.path, dict(self.headers), body)
                stub.requests.append(request)
                answer = stub.answer(request)
                time.sleep(answer.delay)
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                with contextlib.suppress(ConnectionError):
                    if answer.trickle:
                        for byte in answer.body:
                            self.wfile.write(bytes([byte]))
                            time.sleep(answer.trickle)
                    else:
                        self.wfile.write(answer.body[: answer.sent])
                if answer.sent is not None:
                    self.close_connection = True

            do_GET = do_POST  # noqa: N815 - the base class looks for this name

            def log_message(self, *_: object) -> None:
                pass

        return Handler


class EndpointStub(Stub):
    """Replaces SageMaker, with the same form of answers."""

    def finds(self, pneumonia: float) -> None:
        self.says(self.probabilities([1 - pneumonia, pneumonia]))

    @staticmethod
    def probabilities(values: object) -> Reply:
        headers = {
            "Content-Type": "application/json",
            "X-Amzn-SageMaker-Custom-Attributes": "model=cxr-test-1",
            "x-Amzn-Invoked-Production-Variant": "AllTraffic",
        }
        return Reply(200, json.dumps(values).encode(), headers)

    @staticmethod
    def error(status: int, code: str, **members: object) -> Reply:
        body = json.dumps({"message": f"{code} it is", **members}).encode()
        return Reply(status, body, {"x-amzn-errortype": code, "Content-Type": "application/json"})

    @classmethod
    def model_error(cls, status: int, message: str) -> Reply:
        return cls.error(
            424,
            "ModelError",
            OriginalStatusCode=status,
            OriginalMessage=message,
            LogStreamArn="arn:aws:logs:us-east-1:123456789012:log-group:x",
        )


@dataclass
class Context:
    """What Lambda passes to a handler beside the event."""

    function_name: str = "classify"
    memory_limit_in_mb: int = 1024
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:classify"
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def get_remaining_time_in_millis(self) -> int:
        return 120_000


@dataclass(frozen=True)
class Function:
    """The function as in Lambda, with its services and its output."""

    handler: Handler[Failures]
    services: Services
    pool: Executor
    log: io.StringIO


@dataclass
class Cloud:
    """All resources of the template in moto, except the function."""

    bucket: str = "uploads"
    renditions_bucket: str = "renditions"
    table: str = "screenings"

    def __post_init__(self) -> None:
        self.s3 = boto3.client("s3", region_name=REGION)
        self.dynamodb = boto3.resource("dynamodb", region_name=REGION)
        self.sns = boto3.client("sns", region_name=REGION)
        self.sqs = boto3.client("sqs", region_name=REGION)
        self.s3.create_bucket(Bucket=self.bucket)
        self.s3.create_bucket(Bucket=self.renditions_bucket)
        self.s3.put_bucket_versioning(
            Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"}
        )
        self.screenings = self.dynamodb.create_table(
            TableName=self.table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "key", "AttributeType": "S"},
                {"AttributeName": "version", "AttributeType": "S"},
            ],
            KeySchema=[
                {"AttributeName": "key", "KeyType": "HASH"},
                {"AttributeName": "version", "KeyType": "RANGE"},
            ],
        )
        self.queue = self.sqs.create_queue(
            QueueName="uploads", Attributes={"VisibilityTimeout": "720"}
        )["QueueUrl"]
        self.backfill_queue = self.sqs.create_queue(
            QueueName="old-uploads", Attributes={"VisibilityTimeout": "1200"}
        )["QueueUrl"]
        self.renditions_backfill_queue = self.sqs.create_queue(QueueName="old-renditions")[
            "QueueUrl"
        ]
        self.dead_letters = self.sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
        self.renditions_queue = self.sqs.create_queue(QueueName="renditions")["QueueUrl"]
        self._subscriber = self.sqs.create_queue(QueueName="program")["QueueUrl"]
        self.open_topic()

    def open_topic(self) -> None:
        self.topic = self.sns.create_topic(Name="alerts")["TopicArn"]
        queue = self.sqs.get_queue_attributes(
            QueueUrl=self._subscriber, AttributeNames=["QueueArn"]
        )
        self.sns.subscribe(
            TopicArn=self.topic, Protocol="sqs", Endpoint=queue["Attributes"]["QueueArn"]
        )

    def close_topic(self) -> None:
        self.sns.delete_topic(TopicArn=self.topic)

    def drop(
        self, key: str, body: bytes = JPEG, uploaded: str = "2026-11-22T10:15:30.000Z"
    ) -> dict[str, Any]:
        """Put an object; return the queue's record with its event."""
        put = self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return self._event(key, put["VersionId"], put["ETag"], len(body), uploaded)

    def rewrite_metadata(
        self, key: str, uploaded: str = "2026-11-22T11:15:30.000Z"
    ) -> dict[str, Any]:
        """Copy an object onto itself, like file gateways; return the record of the new version."""
        copied = self.s3.copy_object(
            Bucket=self.bucket,
            Key=key,
            CopySource={"Bucket": self.bucket, "Key": key},
            MetadataDirective="REPLACE",
            Metadata={"file-permissions": "0644"},
        )
        version = copied["VersionId"]
        head = self.s3.head_object(Bucket=self.bucket, Key=key, VersionId=version)
        return self._event(key, version, head["ETag"], head["ContentLength"], uploaded, copied=True)

    def _event(
        self, key: str, version: str, etag: str, size: int, uploaded: str, *, copied: bool = False
    ) -> dict[str, Any]:
        upload = Upload.of(
            key=key,
            version=version,
            bucket=self.bucket,
            etag=etag.strip('"'),
            size=size,
            uploaded=uploaded,
        )
        return self.message(event_of(replace(upload, copied=copied)))

    def message(self, body: object) -> dict[str, Any]:
        text = body if isinstance(body, str) else json.dumps(body)
        return {
            "messageId": str(uuid.uuid4()),
            "receiptHandle": base64.b64encode(hashlib.sha256(text.encode()).digest()).decode(),
            "body": text,
            "attributes": {"ApproximateReceiveCount": "1"},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:uploads",
            "awsRegion": REGION,
        }

    def receive(self, queue: str | None = None) -> dict[str, Any] | None:
        """Receive a message from the uploads queue, or another, in the form of a Lambda event."""
        found = self.sqs.receive_message(
            QueueUrl=queue or self.queue, AttributeNames=["ApproximateReceiveCount"]
        ).get("Messages")
        if not found:
            return None
        (message,) = found
        return self.message(message["Body"]) | {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "attributes": message["Attributes"],
        }

    def wait_for(self, queue: str) -> dict[str, Any]:
        """Receive a message that may be delayed."""
        deadline = time.monotonic() + 30
        while not (found := self.receive(queue)):
            assert time.monotonic() < deadline, "no message came"
            time.sleep(0.1)
        return found

    def given_up(self) -> list[str]:
        """Receive what the function put into the dead-letter queue."""
        found = self.sqs.receive_message(QueueUrl=self.dead_letters, MaxNumberOfMessages=10)
        return [message["Body"] for message in found.get("Messages", [])]

    def records(self) -> list[dict[str, Any]]:
        return [valid("record", item) for item in self.screenings.scan()["Items"]]

    def alerts(self) -> list[dict[str, Any]]:
        """Receive what a subscriber got: SNS's envelopes, parsed."""
        envelopes: list[dict[str, Any]] = []
        url = self._subscriber
        while found := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in found:
                envelope = json.loads(message["Body"])
                if "finding" in envelope.get("MessageAttributes", {}):  # else for who operates it
                    valid("alert", json.loads(envelope["Message"]))
                envelopes.append(envelope)
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return envelopes


def render_config(cloud: Cloud) -> RenderConfig:
    """Return the configuration of the function that renders this cloud's films."""
    return RenderConfig(
        stack_name="cxr-alert",
        renditions_bucket=cloud.renditions_bucket,
        key_arn=KEY,
        renditions_queue_url=cloud.renditions_queue,
        renditions_backfill_queue_url=cloud.renditions_backfill_queue,
        renditions_dead_letter_queue_url=cloud.dead_letters,
        uploads_queue_url=cloud.queue,
        uploads_backfill_queue_url=cloud.backfill_queue,
        retry_seconds=1,
        most_tries=100,
    )
