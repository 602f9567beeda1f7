"""The receiver as a process in front of a bucket in moto, and senders for it."""

import contextlib
import os
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

import boto3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer
from pydicom import dcmread
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, RLELossless
from pynetdicom import AE, evt
from pynetdicom.association import Association

if TYPE_CHECKING:
    import ssl

    from mypy_boto3_s3 import S3Client

SENDER = "MODALITY"
TITLE = "CXRALERT"
_PATIENCE = 60.0


@dataclass(frozen=True)
class MotoBucket:
    """A versioned bucket `uploads`."""

    url: str
    s3: "S3Client"

    @property
    def environment(self) -> dict[str, str]:
        mine = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return mine | {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def bodies(self) -> list[bytes]:
        """Return every version's bytes, oldest first."""
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket="uploads")
        versions = [each for page in pages for each in page.get("Versions", [])]
        return [
            self.s3.get_object(Bucket="uploads", Key=each["Key"], VersionId=each["VersionId"])[
                "Body"
            ].read()
            for each in reversed(versions)
        ]


@contextlib.contextmanager
def moto_bucket() -> Iterator[MotoBucket]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    s3_backends.reset()  # servers in one process share their memory
    url = f"http://{host}:{port}"
    s3 = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106
    )
    s3.create_bucket(Bucket="uploads")
    s3.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Enabled"})
    try:
        yield MotoBucket(url, s3)
    finally:
        server.stop()


@dataclass
class Receiving:
    """A process `cxr-alert receive`, with its output and log so far."""

    process: subprocess.Popen[bytes]
    said: str = ""
    port: int = 0

    def listens(self) -> None:
        self.wait_for(r"listens on \S*:(\d+)")
        self.port = int(re.findall(r"listens on \S*:(\d+)", self.said)[-1])

    def wait_for(self, pattern: str) -> None:
        """Read its output until it contains the text."""
        deadline = time.monotonic() + _PATIENCE
        assert self.process.stdout
        while not re.search(pattern, self.said):
            left = deadline - time.monotonic()
            assert left > 0, f"{pattern} is not in: {self.said}"
            if select.select([self.process.stdout], [], [], left)[0]:
                part = os.read(self.process.stdout.fileno(), 2**16)
                assert part, f"It ended, without {pattern}: {self.said}"
                self.said += part.decode()

    def megabytes(self) -> int:
        """Return its peak memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) // 1024


def command(*options: str) -> list[str]:
    program = "import sys; from cxr_alert.program import main; sys.exit(main())"
    return [sys.executable, "-c", program, "receive", *options]


@contextlib.contextmanager
def receiving(
    environment: Mapping[str, str], spool: Path, *options: str, port: int = 0
) -> Iterator[Receiving]:
    """Run `cxr-alert receive`, once it listens; end it with SIGTERM or, if need be, kill it."""
    given = ("--bucket", "uploads", "--from", SENDER, "--port", str(port), "--spool", str(spool))
    process = subprocess.Popen(
        command(*given, *options),
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    made = Receiving(process)
    try:
        made.listens()
        yield made
    finally:
        process.terminate()
        try:
            made.said += process.communicate(timeout=_PATIENCE)[0].decode()
        finally:
            process.kill()
            process.wait()


@contextlib.contextmanager
def association(
    port: int, title: str = SENDER, tls: "ssl.SSLContext | None" = None
) -> Iterator[Association]:
    """Request an association, established or not, and release it at the end."""
    entity = AE(ae_title=title)
    entity.acse_timeout = entity.dimse_timeout = _PATIENCE
    for syntax in (ExplicitVRLittleEndian, RLELossless):
        entity.add_requested_context(DigitalXRayImageStorageForPresentation, syntax)
    entity.add_requested_context("1.2.840.10008.1.1")
    opened: list[socket.socket] = []
    made = entity.associate(
        "127.0.0.1",
        port,
        ae_title=TITLE,
        tls_args=(tls, "localhost") if tls else None,
        evt_handlers=[(evt.EVT_CONN_OPEN, lambda event: opened.append(socket_of(event.assoc)))],
    )
    try:
        yield made
    finally:
        if made.is_established:
            made.release()
        if made.ident:
            made.join()
        for each in opened:
            each.close()  # pynetdicom leaves sockets open of which the peer let go


def socket_of(made: Association) -> socket.socket:
    """Return the socket of an open association, which pynetdicom forgets when it ends."""
    assert made.dul.socket
    assert made.dul.socket.socket
    return made.dul.socket.socket


def send(
    port: int, *files: Path, title: str = SENDER, tls: "ssl.SSLContext | None" = None
) -> list[int | None]:
    """Send the files over one association; return the status of each, None without an answer."""
    with association(port, title, tls) as made:
        if not made.is_established:
            return [None] * len(files)
        return [_store(made, file) for file in files]


def _store(made: Association, file: Path) -> int | None:
    try:
        answer = made.send_c_store(dcmread(file))
    except RuntimeError:  # the association is over
        return None
    return cast(int | None, answer.get("Status"))


@dataclass(frozen=True)
class Certificate:
    """The certificate of an authority or host, with its key, as PEM files."""

    file: Path
    key_file: Path
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def certificate(folder: Path, name: str, by: Certificate | None = None) -> Certificate:
    """Make a certificate of that name, signed by an authority or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .sign(by.key if by else key, hashes.SHA256())
    )
    file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return Certificate(file, key_file, made, key)
