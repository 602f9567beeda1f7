"""`cxr-alert receive` under unknown peers, large films, a hanging bucket, and kills."""

import contextlib
import io
import random
import re
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import PYNETDICOM_IMPLEMENTATION_UID, build_context, evt
from pynetdicom._globals import APPLICATION_CONTEXT_NAME
from pynetdicom.association import Association
from pynetdicom.dsutils import encode
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
)

from intake.places import ADMITTED_PER_PEER, GRACE_SECONDS
from intake.spool import CANNOT_UNDERSTAND, FOLDER, LARGEST_FILM, OUT_OF_RESOURCES
from testbed.dicom_films import dicom, film
from tests.faults.conftest import RESULTS
from tests.receiving import (
    SENDER,
    TITLE,
    Certificate,
    MotoBucket,
    Receiving,
    association,
    certificate,
    moto_bucket,
    receiving,
    send,
    socket_of,
)

MOST_MEGABYTES = 200
needs_storescu = pytest.mark.skipif(
    shutil.which("storescu") is None, reason="storescu is missing: apt-get install dcmtk"
)
VERIFICATION = "1.2.840.10008.1.1"
DX = "1.2.840.10008.5.1.4.1.1.1.1"
ACCEPTED = 2  # the type of an A-ASSOCIATE-AC PDU


@pytest.fixture(scope="module")
def bucket() -> Iterator[MotoBucket]:
    with moto_bucket() as made:
        yield made


@pytest.fixture
def empty(bucket: MotoBucket) -> MotoBucket:
    """Return the bucket without the films of other tests."""
    for page in bucket.s3.get_paginator("list_object_versions").paginate(Bucket="uploads"):
        for each in page.get("Versions", []):
            bucket.s3.delete_object(Bucket="uploads", Key=each["Key"], VersionId=each["VersionId"])
    return bucket


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("receiver") / "spool"


@pytest.fixture(scope="module")
def receiver(bucket: MotoBucket, spool: Path) -> Iterator[Receiving]:
    """The receiver of most tests: after what one peer did, it still serves the next."""
    with receiving(bucket.environment, spool) as made:
        yield made


@pytest.fixture
def own_receiver(bucket: MotoBucket, tmp_path: Path) -> Iterator[Receiving]:
    """Return a receiver whose places and log are of one test only."""
    with receiving(bucket.environment, tmp_path / "spool") as made:
        yield made


@pytest.fixture
def one(tmp_path: Path) -> Path:
    return written(tmp_path, 0)


def written(folder: Path, number: int) -> Path:
    path = folder / f"film-{number}.dcm"
    path.write_bytes(dicom(film(), tags={"SOPInstanceUID": f"1.2.3.{number + 1}"}))
    return path


@pytest.fixture
def authority(tmp_path: Path) -> Certificate:
    return certificate(tmp_path, "hospital")


def trusting(authority: Certificate) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority.file))


@contextlib.contextmanager
def bare_connections(port: int, count: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
            for _ in range(count)
        ]


# --- strangers ---


def test_silent_peers_do_not_block_senders_over_tls(
    bucket: MotoBucket, tmp_path: Path, one: Path, authority: Certificate
) -> None:
    own = certificate(tmp_path, "receiver", authority)
    options = ("--certificate", str(own.file), "--key", str(own.key_file))
    with (
        receiving(bucket.environment, tmp_path / "spool", *options) as receiver,
        bare_connections(receiver.port, 3),
    ):
        assert send(receiver.port, one, tls=trusting(authority)) == [0]
        assert send(receiver.port, one) == [None], "without TLS"
    assert "no TLS handshake" in receiver.said


def test_only_senders_with_a_certificate_of_the_authority_are_let_in(
    bucket: MotoBucket, tmp_path: Path, one: Path, authority: Certificate
) -> None:
    own = certificate(tmp_path, "receiver", authority)
    options = ("--certificate", str(own.file), "--key", str(own.key_file))
    both = (*options, "--senders-ca", str(authority.file))
    known = certificate(tmp_path, "modality", authority)
    forged = certificate(tmp_path, "forger")
    with receiving(bucket.environment, tmp_path / "spool", *both) as receiver:
        for sender, expected in ((None, [None]), (forged, [None]), (known, [0])):
            tls = trusting(authority)
            if sender:
                tls.load_cert_chain(sender.file, sender.key_file)
            assert send(receiver.port, one, tls=tls) == expected
    assert len(re.findall("no TLS handshake", receiver.said)) == 2


@pytest.mark.parametrize("count", [12, 100])
def test_connections_without_a_request_take_no_places(
    receiver: Receiving, one: Path, count: int
) -> None:
    with bare_connections(receiver.port, count):
        assert send(receiver.port, one) == [0]


def test_probes_that_connect_and_leave_take_no_places(receiver: Receiving, one: Path) -> None:
    for _ in range(50):
        socket.create_connection(("127.0.0.1", receiver.port), 10).close()
    assert send(receiver.port, one) == [0]


def test_idle_associations_lose_their_places(own_receiver: Receiving, one: Path) -> None:
    """They send C-ECHO from time to time, which is no film."""
    with bare_connections(own_receiver.port, ADMITTED_PER_PEER) as idle:
        for peer in idle:
            peer.sendall(association_request())
            assert peer.recv(2**16)[0] == ACCEPTED
        deadline = time.monotonic() + 30
        while send(own_receiver.port, one) != [0]:
            assert time.monotonic() < deadline
            for peer in idle:
                peer.sendall(fragment(echo(), command=True, last=True))
                assert peer.recv(2**16), "an idle association ended before its place was needed"
            time.sleep(GRACE_SECONDS / 5)
    own_receiver.wait_for("its place was needed")


@pytest.mark.parametrize("kind", [1, 4])
def test_a_pdu_that_announces_a_gigabyte_ends_the_connection(
    receiver: Receiving, one: Path, kind: int
) -> None:
    with bare_connections(receiver.port, 1) as (peer,):
        peer.sendall(struct.pack(">BBL", kind, 0, 2**30) + bytes(2**16))
        ended(peer)
    assert send(receiver.port, one) == [0]
    assert receiver.megabytes() < MOST_MEGABYTES


def ended(peer: socket.socket) -> None:
    """Wait until the receiver has closed the connection."""
    peer.settimeout(30)
    with contextlib.suppress(ConnectionError):
        while peer.recv(2**16):
            pass


# --- large films ---


def association_request() -> bytes:
    """The request of an association for C-ECHO, as bytes: an idle peer of pynetdicom's is busy."""
    asked = A_ASSOCIATE()
    asked.application_context_name = APPLICATION_CONTEXT_NAME
    asked.calling_ae_title, asked.called_ae_title = SENDER, TITLE
    context = build_context(VERIFICATION)
    context.context_id = 1
    asked.presentation_context_definition_list = [context]
    implementation = ImplementationClassUIDNotification()
    implementation.implementation_class_uid = PYNETDICOM_IMPLEMENTATION_UID
    asked.user_information = [MaximumLengthNotification(), implementation]
    request = A_ASSOCIATE_RQ()
    request.from_primitive(asked)
    return request.encode()


def echo() -> bytes:
    command = Dataset()
    command.AffectedSOPClassUID = VERIFICATION
    command.CommandField, command.MessageID, command.CommandDataSetType = 0x30, 1, 0x101
    return encoded(command)


def fragment(data: bytes, command: bool, last: bool) -> bytes:
    header = struct.pack(">LBB", len(data) + 2, 1, command | last << 1)
    return struct.pack(">BBL", 4, 0, len(header) + len(data)) + header + data


def request(uid: str) -> bytes:
    command = Dataset()
    command.AffectedSOPClassUID, command.AffectedSOPInstanceUID = DX, uid
    command.CommandField, command.MessageID = 1, 1
    command.Priority, command.CommandDataSetType = 0, 1
    return encoded(command)


def encoded(command: Dataset) -> bytes:
    command.CommandGroupLength = len(encode(command, True, True) or b"")
    return encode(command, True, True) or b""


@contextlib.contextmanager
def admitted(receiver: Receiving) -> Iterator[tuple[socket.socket, Association]]:
    """An association with its socket, for sending bytes outside pynetdicom."""
    with association(receiver.port) as made:
        assert made.is_established
        yield socket_of(made), made


def test_a_film_of_700_megabytes_is_refused_and_never_in_memory(
    receiver: Receiving, spool: Path, one: Path
) -> None:
    part, answers = bytes(2**19), []
    with admitted(receiver) as (peer, made):
        made.bind(evt.EVT_DIMSE_RECV, lambda event: answers.append(event.message.command_set))
        peer.sendall(fragment(request("1.2.3.99"), command=True, last=True))
        for _ in range(700 * 2**20 // len(part)):
            peer.sendall(fragment(part, command=False, last=False))
        peer.sendall(fragment(bytes(2), command=False, last=True))
        wait_until(lambda: answers)
    receiver.wait_for(f"larger than {LARGEST_FILM // 2**20} MB")
    assert answers[0].Status == CANNOT_UNDERSTAND
    assert send(receiver.port, one) == [0]
    assert receiver.megabytes() < MOST_MEGABYTES
    assert list((spool / FOLDER).iterdir()) == []


def test_a_command_without_end_ends_the_association(receiver: Receiving, one: Path) -> None:
    with admitted(receiver) as (peer, _), contextlib.suppress(OSError):
        for _ in range(200):
            peer.sendall(fragment(bytes(2**18), command=True, last=False))
    assert send(receiver.port, one) == [0]
    assert receiver.megabytes() < MOST_MEGABYTES


def test_films_that_wait_for_no_answer_are_bounded_by_the_spool(
    bucket: MotoBucket, tmp_path: Path, one: Path
) -> None:
    with receiving(bucket.environment, tmp_path / "spool", "--spool-megabytes", "1") as receiver:
        with admitted(receiver) as (peer, _), contextlib.suppress(OSError):
            for number in range(100):
                peer.sendall(fragment(request(f"1.2.3.{number + 9}"), command=True, last=True))
                peer.sendall(fragment(bytes(2**19), command=False, last=False))
                peer.sendall(fragment(bytes(2**19), command=False, last=True))
        assert send(receiver.port, one) == [0]
        assert receiver.megabytes() < MOST_MEGABYTES


def test_a_film_cut_off_leaves_nothing(receiver: Receiving, spool: Path, one: Path) -> None:
    with admitted(receiver) as (peer, made):
        peer.sendall(fragment(request("1.2.3.99"), command=True, last=True))
        peer.sendall(fragment(bytes(2**19), command=False, last=False))
        films = spool / FOLDER
        wait_until(lambda: any(films.iterdir()))
        (left,) = films.iterdir()
        assert (left.stat().st_mode & 0o777, films.stat().st_mode & 0o777) == (0o600, 0o700)
        made.abort()
    receiver.wait_for("cut off")
    wait_until(lambda: not any(films.iterdir()))
    assert send(receiver.port, one) == [0]


def wait_until(condition: object, seconds: float = 30) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# --- S3 ---


def test_while_s3_hangs_senders_get_a_status_within_the_time_limit(
    bucket: MotoBucket, tmp_path: Path, one: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        environment = bucket.environment | {"AWS_ENDPOINT_URL": url}
        patience = 4
        with receiving(environment, tmp_path / "spool", "--patience", str(patience)) as receiver:
            began = time.monotonic()
            assert send(receiver.port, one) == [OUT_OF_RESOURCES]
            # The SDK's default is 60 s and five tries; this limits the kind of failure, not the
            # speed.
            assert time.monotonic() - began < 10 * patience
    assert "S3 accepts no films now" in receiver.said


# --- the log ---


def test_the_log_has_a_line_for_each_film_and_each_caller_and_no_name(
    own_receiver: Receiving, tmp_path: Path
) -> None:
    named = dcmread(written(tmp_path, 1))
    named.PatientName, named.PatientID = "Mustermann^Max", "4711-0815"
    named.save_as(tmp_path / "named.dcm")
    assert send(own_receiver.port, tmp_path / "named.dcm") == [0]
    assert send(own_receiver.port, tmp_path / "named.dcm") == [0]
    assert send(own_receiver.port, tmp_path / "named.dcm", title="MUSTERMANN^MAX") == [None]
    with bare_connections(own_receiver.port, 1) as (peer,):
        peer.sendall(b"GET /Mustermann HTTP/1.1\r\n\r\n")
        ended(peer)
    own_receiver.wait_for("is not DICOM")
    log = own_receiver.said.partition("ends it.\n")[2].splitlines()
    assert [re.sub(r"^\S+ \S+ |[0-9a-f]{32}|[\d.]+ (?=MB|s)", "", line) for line in log] == [
        f"Stored .dcm of {SENDER}, MB, in s.",
        f"Had already .dcm of {SENDER}, MB, in s.",
        "Refused 127.0.0.1: its AE title is not among those after --from.",
        "Refused 127.0.0.1: it sent data that is not DICOM.",
    ]
    assert not re.search("(?i)mustermann|4711|1\\.2\\.3\\.2", own_receiver.said)


# --- kills and load ---


def acknowledged(port: int, films: Path) -> bool:
    """Send a film, or a folder of them, with dcmtk; return whether each was answered Success."""
    to = ("-aet", SENDER, "-aec", TITLE, "+sd", "127.0.0.1", str(port))
    command = ["storescu", *to, str(films)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


@pytest.mark.slow
@needs_storescu
def test_no_acknowledged_film_is_lost_by_39_kills(empty: MotoBucket, tmp_path: Path) -> None:
    films, kills = [written(tmp_path, number) for number in range(57)], 39
    chance = random.Random(1)  # noqa: S311 - a draw to repeat
    safe: list[Path] = []
    while kills:
        with receiving(empty.environment, tmp_path / "spool") as receiver:
            killer = threading.Timer(chance.uniform(0.0, 1.5), receiver.process.kill)
            killer.start()
            while receiver.process.poll() is None:
                film_sent = films[len(safe) % len(films)]
                if acknowledged(receiver.port, film_sent):
                    safe.append(film_sent)
            killer.join()
        kills -= 1
    bodies = [dcmread(io.BytesIO(body)) for body in empty.bodies()]
    kept = {str(each.SOPInstanceUID) for each in bodies}
    assert {str(dcmread(each).SOPInstanceUID) for each in safe} <= kept
    with receiving(empty.environment, tmp_path / "spool") as receiver:
        for each in films:
            assert acknowledged(receiver.port, each)
    bodies = [dcmread(io.BytesIO(body)) for body in empty.bodies()]
    stored = {str(each.SOPInstanceUID): each.PixelData for each in bodies}
    assert len(stored) == len(bodies) == len(films)
    for each in films:
        sent = dcmread(each)
        assert stored[str(sent.SOPInstanceUID)] == sent.PixelData
    result = f"{len(safe)} acknowledged between the kills, none lost"
    RESULTS.append(("receiver: 39 kills, 57 films", "each in S3, once and whole", result))


@pytest.mark.slow
@needs_storescu
def test_500_films_over_8_associations(
    own_receiver: Receiving, empty: MotoBucket, tmp_path: Path
) -> None:
    count, associations = 500, 8
    large = film(700, 700)
    for number in range(count):
        folder = tmp_path / f"sender-{number % associations}"
        folder.mkdir(exist_ok=True)
        data = dicom(large, tags={"SOPInstanceUID": f"1.2.3.{number + 1}"})
        (folder / f"{number}.dcm").write_bytes(data)
    began = time.monotonic()
    with ThreadPoolExecutor(associations) as senders:
        folders = [tmp_path / f"sender-{number}" for number in range(associations)]
        assert all(senders.map(lambda folder: acknowledged(own_receiver.port, folder), folders))
    seconds = time.monotonic() - began
    peak = own_receiver.megabytes()
    assert len(empty.bodies()) == count
    assert peak < MOST_MEGABYTES
    result = f"{count / seconds:.0f} films a second, {peak} MB at most"
    RESULTS.append(("receiver: 500 films over 8 associations", "each stored once", result))
