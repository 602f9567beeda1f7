"""Systems of a hospital: Orthanc as PACS, a FHIR server that records, an HL7 engine."""

import contextlib
import json
import shutil
import socket
import socketserver
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from boto3.dynamodb.types import TypeSerializer

from cxr_alert.local.pacs import ORTHANC, configuration, installed
from delivery.films import Films
from delivery.metrics import Metrics
from delivery.sender import Sender
from delivery.settings import Dicomweb, Results
from delivery.setup import client
from screening.facts import Facts
from screening.judgement import Answer, Judgement, judge
from screening.record import Claim, Record, attributes, screened
from screening.result import result_request, written
from screening.upload import Upload
from testbed.dicom_films import dicom, film
from tests.receiving import Certificate, MotoBucket, moto_bucket

if TYPE_CHECKING:
    from delivery.destination import Destination

FHIR = Path(__file__).parent / "fhir"
_PATIENCE = 30.0
AT = datetime(2026, 11, 22, 10, 15, 31, tzinfo=UTC)
_to_dynamodb = TypeSerializer().serialize

needs_orthanc = pytest.mark.skipif(
    not installed(),
    reason="Orthanc is missing: apt-get install orthanc orthanc-dicomweb",
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Orthanc:
    """A PACS with `stop` and `start`; its data stays in its folder."""

    folder: Path
    own: Certificate | None = None
    authority: Certificate | None = None
    http: int = field(default_factory=free_port)
    dicom: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def web(self) -> Dicomweb:
        return Dicomweb(url=f"http://127.0.0.1:{self.http}/dicom-web")

    def start(self) -> None:
        config = configuration(self.folder, self.http, self.dicom)
        if self.own and self.authority:
            config |= {
                "DicomTlsEnabled": True,
                "DicomTlsCertificate": str(self.own.file),
                "DicomTlsPrivateKey": str(self.own.key_file),
                "DicomTlsTrustedCertificates": str(self.authority.file),
                "DicomTlsRemoteCertificateRequired": True,
            }
        file = self.folder / "config.json"
        file.write_text(json.dumps(config))
        self.process = subprocess.Popen(
            [ORTHANC, file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self._answers)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            self.ask("/system")
            return True
        return False

    def stop(self) -> None:
        if self.process:
            self.process.kill()  # it takes seconds after SIGTERM
            self.process.wait()
            self.process = None

    def ask(self, path: str, body: bytes | None = None) -> Any:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.http}{path}", body, timeout=10
        ) as answer:
            return json.load(answer)

    def modalities(self) -> list[str]:
        """Return the modality of each instance."""
        found = [self.ask(f"/series/{each}") for each in self.ask("/series")]
        return sorted(
            each["MainDicomTags"]["Modality"] for each in found for _ in each["Instances"]
        )


@contextlib.contextmanager
def orthanc(
    folder: Path, own: Certificate | None = None, authority: Certificate | None = None
) -> Iterator[Orthanc]:
    folder.mkdir()
    made = Orthanc(folder, own, authority)
    made.start()
    try:
        yield made
    finally:
        made.stop()


class FhirServer:
    """Answers transactions, and keeps each with its headers; `status` is its answer."""

    def __init__(self) -> None:
        server = self
        self.bundles: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.status = 200
        self.cannot_bear = ""  # it fails if this is in a bundle

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(200, {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.headers.append(dict(self.headers.items()))
                status = server.status
                if server.cannot_bear and server.cannot_bear in json.dumps(body):
                    status = 500
                if status == 200:
                    server.bundles.append(body)
                entry = [{"response": {"status": "201 Created"}} for _ in body["entry"]]
                self._answer(status, {"resourceType": "Bundle", "entry": entry})

            def _answer(self, status: int, body: dict[str, Any]) -> None:
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/fhir"

    def __enter__(self) -> "FhirServer":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


@contextlib.contextmanager
def medplum() -> Iterator[str]:
    """Return the address of Medplum's FHIR server, in memory."""
    if shutil.which("node") is None or not (FHIR / "node_modules").is_dir():
        pytest.skip("npm's FHIR packages are missing: npm ci --prefix tests/fhir, with nodejs.")
    server = subprocess.Popen(
        ["node", "serve.js"], cwd=FHIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with server:
        assert server.stdout
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.terminate()


class Engine:
    """Receives HL7 over MLLP; `code` is its answer, with `wrong_id` it names another message."""

    def __init__(self) -> None:
        engine = self
        self.messages: list[str] = []
        self.code = "AA"
        self.wrong_id = False

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                left = b""
                while part := self.request.recv(65536):
                    left += part
                    while b"\x1c\r" in left:
                        frame, _, left = left.partition(b"\x1c\r")
                        self.request.sendall(engine.take(frame.removeprefix(b"\x0b").decode()))

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port: int = self.server.server_address[1]

    def take(self, message: str) -> bytes:
        if self.code == "AA":
            self.messages.append(message)
        control = "other" if self.wrong_id else message.split("|")[9]
        text = f"MSH|^~\\&|ENGINE||||20261127||ACK^R01|1|P|2.5.1\rMSA|{self.code}|{control}\r"
        return b"\x0b" + text.encode() + b"\x1c\r"

    def __enter__(self) -> "Engine":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


@dataclass
class Cloud:
    """Bucket, table and queues, in moto."""

    bucket: MotoBucket
    queue: str
    dead_letters: str

    @property
    def environment(self) -> dict[str, str]:
        return self.bucket.environment

    def screen(
        self, number: int = 0, probability: str = "0.93", body: bytes | None = None
    ) -> Record:
        """Upload a film and record its judgement, without a message to the queue."""
        data = dicom(film(), tags=tags(number)) if body is None else body
        key = f"ward/{number}.dcm"
        stored = self.bucket.s3.put_object(Bucket="uploads", Key=key, Body=data)
        upload = Upload(
            key,
            stored["VersionId"],
            "uploads",
            stored["VersionId"],
            stored["ETag"].strip('"'),
            len(data),
            "2026-11-22T10:15:30.000Z",
        )
        record = screened(upload, judged(probability), Claim("one", "2026-11-22T10:17:31.123Z"))
        if body is None:
            uid = tags(number)["SOPInstanceUID"]
            record = replace(record, facts=Facts("DX", "none", instance_uid=uid))
        self.keep(record)
        return record

    def keep(self, record: Record) -> None:
        item = {name: _to_dynamodb(value) for name, value in attributes(record).items()}
        client("dynamodb").put_item(TableName="screenings", Item=item)

    def tell(self, *records: Record) -> None:
        sqs = client("sqs")
        for record in records:
            told = result_request(record)
            assert told
            sqs.send_message(QueueUrl=self.queue, MessageBody=written(told))

    def waiting(self, queue: str | None = None) -> int:
        """Return how many messages a queue holds, including hidden ones."""
        counts = client("sqs").get_queue_attributes(
            QueueUrl=queue or self.queue, AttributeNames=["All"]
        )["Attributes"]
        return int(counts["ApproximateNumberOfMessages"]) + int(
            counts["ApproximateNumberOfMessagesNotVisible"]
        )

    def films(self, settings: Results | None = None) -> Films:
        from aws.screenings_table import Screenings

        return Films(
            Screenings(client("dynamodb"), "screenings"), client("s3"), settings or Results()
        )

    def sender(self, *destinations: "Destination", first_wait: float = 0.0) -> Sender:
        return Sender(
            client("sqs"),
            (self.queue, self.dead_letters),
            self.films().result,
            destinations,
            Metrics(client("cloudwatch"), "cxr-alert"),
            first_wait,
        )


def tags(number: int) -> dict[str, str]:
    """Return one film's own study, series and instance."""
    return {
        "StudyInstanceUID": f"1.2.826.0.1.3680043.8.498.1{number:04}1",
        "SeriesInstanceUID": f"1.2.826.0.1.3680043.8.498.1{number:04}2",
        "SOPInstanceUID": f"1.2.826.0.1.3680043.8.498.1{number:04}3",
        "StudyDate": f"{AT:%Y%m%d}",
        "StudyTime": "101500",
        "Modality": "DX",
        "PatientBirthDate": "20211003",
    }


def judged(probability: str, at: datetime = AT) -> Judgement:
    return judge(Answer(Decimal(probability), "a" * 64, None), Decimal("0.1"), at)


@contextlib.contextmanager
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with moto_bucket() as bucket:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        for name, value in bucket.environment.items():
            if name.startswith("AWS_"):
                monkeypatch.setenv(name, value)
        urllib.request.urlopen(  # noqa: S310 - of this machine
            urllib.request.Request(f"{bucket.url}/moto-api/reset", method="POST")  # noqa: S310
        ).close()
        s3: Any = boto3.client("s3")
        s3.create_bucket(Bucket="uploads")
        s3.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Enabled"})
        sqs = boto3.client("sqs")
        queues = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("results", "dead")]
        _make_table()
        yield Cloud(bucket, *queues)


def _make_table() -> None:
    names = ("key", "version", "finding", "classified")
    boto3.client("dynamodb").create_table(
        TableName="screenings",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        KeySchema=[
            {"AttributeName": "key", "KeyType": "HASH"},
            {"AttributeName": "version", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "latest-findings",
                "KeySchema": [
                    {"AttributeName": "finding", "KeyType": "HASH"},
                    {"AttributeName": "classified", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )


def wait_until(true: Any, seconds: float = _PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "It did not come about in time."
        time.sleep(0.05)
