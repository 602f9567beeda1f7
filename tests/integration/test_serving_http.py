import contextlib
import functools
import http.client
import io
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.integration.serving_container import (
    PATIENCE,
    SAGEMAKER,
    Container,
    Reply,
    brightness,
    brightness_network,
    running,
)

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "samples").glob("*/*.jpeg"))
MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("network")
    return brightness_network(folder / "network.onnx", name="brightness-1")


@pytest.fixture(scope="module")
def container(network: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    folder = tmp_path_factory.mktemp("container")
    with running(folder, "--model", network) as container:
        yield container


@pytest.fixture(scope="module")
def endpoint(network: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """The same, behind this machine's version of SageMaker's runtime."""
    name = ("--endpoint-name", "cxr-alert")
    folder = tmp_path_factory.mktemp("endpoint")
    with running(folder, "--model", network, *name, program=SAGEMAKER) as endpoint:
        yield endpoint


def film(level: int, kind: str = "PNG", size: tuple[int, int] = (80, 60)) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", size, level).save(buffer, kind)
    return buffer.getvalue()


@functools.cache
def large_film(mode: str, kind: str, **options: Any) -> bytes:
    """A film with about the maximum of pixels, and nothing to see on them."""
    buffer = io.BytesIO()
    Image.new(mode, (6300, 6300), 90).save(buffer, kind, **options)
    return buffer.getvalue()


def bomb() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(10 * MEBIBYTE)))


def assert_answers(reply: Reply, level: float) -> None:
    assert reply.status == 200, reply
    assert json.loads(reply.body) == pytest.approx(brightness(level), abs=0.01)


def test_an_idle_connection_is_kept_for_longer_than_a_proxy_s_pool_does(
    container: Container,
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", container.port, timeout=PATIENCE)
    connection.request("GET", "/ping")
    assert connection.getresponse().read() == b""
    assert connection.sock is not None
    # A closing server sends an end of file, which is readable; the test checks for silence.
    closed, _, _ = select.select([connection.sock], [], [], 6)
    assert not closed
    connection.request("GET", "/ping")
    assert connection.getresponse().status == 200
    connection.close()


def test_ping_is_answered(container: Container) -> None:
    assert container.get("/ping").status == 200


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_film_gets_its_probabilities_and_the_networks_name(
    container: Container, kind: str
) -> None:
    reply = container.post("/invocations", film(200, kind))
    assert_answers(reply, 200)
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-amzn-sagemaker-custom-attributes"] == "model=brightness-1-without-gate"


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "The file is empty. Upload the image again."),
        (b"a letter", 415, "neither a JPEG nor a PNG"),
        (film(9, "GIF"), 415, "neither a JPEG nor a PNG"),
        (film(9, "JPEG")[:300], 400, "JPEG file is damaged"),
        (film(9, "PNG")[:60], 400, "PNG file is damaged"),
        (film(9, size=(1, 1)), 400, "too few to be an X-ray"),
        (bomb(), 413, "60000 x 60000 pixels"),
        (bytes(25 * MEBIBYTE + 1), 413, "larger than the 25 MB"),
    ],
    ids=["empty", "text", "gif", "cut jpeg", "cut png", "tiny", "bomb", "long"],
)
def test_a_file_that_is_no_film_gets_one_line_with_the_reason(
    container: Container, body: bytes, status: int, reason: str
) -> None:
    reply = container.post("/invocations", body)
    assert reply.status == status
    assert reason in reply.body.decode()
    assert len(reply.body.splitlines()) == 1
    assert reply.headers["content-type"].startswith("text/plain")


def test_a_long_body_of_unannounced_size_is_refused(container: Container) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", container.port, timeout=PATIENCE)
    connection.request(
        "POST",
        "/invocations",
        iter([bytes(MEBIBYTE)] * 700),
        {"Transfer-Encoding": "chunked"},
        encode_chunked=True,
    )
    answer = connection.getresponse()
    assert answer.status == 413
    assert b"larger than the 25 MB" in answer.read()
    connection.close()
    if Path("/proc").exists():
        assert container.megabytes("VmHWM") < 650


def test_other_paths_and_methods_are_refused(container: Container) -> None:
    assert container.get("/nothing").status == 404
    assert container.get("/invocations").status == 405
    # SageMaker's own path: its substitute here is not part of the container.
    assert container.post("/endpoints/cxr-alert/invocations", film(1)).status == 404


def test_each_of_the_films_sent_together_gets_its_answer(container: Container) -> None:
    levels = [10 * (i % 25) for i in range(100)]
    with ThreadPoolExecutor(16) as clients:
        replies = clients.map(lambda level: container.post("/invocations", film(level)), levels)
        for level, reply in zip(levels, replies, strict=True):
            assert_answers(reply, level)


def test_large_films_and_bombs_together_stay_in_bounds_and_let_others_through(
    container: Container,
) -> None:
    transparent = large_film("RGBA", "PNG", compress_level=1)
    progressive = large_film("CMYK", "JPEG", progressive=True, subsampling=0)
    heavy = {
        transparent: 200,
        transparent + b"1": 200,
        progressive: 200,
        progressive + b"1": 200,
        large_film("L", "JPEG") + bytes(20 * MEBIBYTE): 200,
        large_film("I;16", "PNG", compress_level=1): 200,
        bomb() + bytes(14 * MEBIBYTE): 413,
    }
    with ThreadPoolExecutor(len(heavy) + 1) as clients:
        slow = [clients.submit(container.post, "/invocations", body) for body in heavy]
        good = clients.submit(container.post, "/invocations", film(120))
        assert_answers(good.result(), 120)
        assert [reply.result().status for reply in slow] == list(heavy.values())
    if Path("/proc").exists():
        assert container.megabytes("VmHWM") < 650
        assert container.megabytes("VmRSS") < 300


def test_pings_are_answered_while_a_film_is_decoded(container: Container) -> None:
    body = large_film("CMYK", "JPEG", progressive=True, subsampling=0)
    pings = 0
    with ThreadPoolExecutor(1) as client:
        slow = client.submit(container.post, "/invocations", body)
        while not slow.done():
            assert container.get("/ping").status == 200
            pings += 1
    assert pings > 20, "a few get in before the film has arrived"


def test_stalled_or_aborted_uploads_do_not_delay_others(container: Container) -> None:
    head = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 26000000\r\n\r\n"
    stalled = [socket.create_connection(("127.0.0.1", container.port), 30) for _ in range(5)]
    with contextlib.ExitStack() as stack:
        for each in stalled:
            stack.enter_context(each).sendall(head + bytes(1000))
        assert_answers(container.post("/invocations", film(30)), 30)
        assert all(each.recv(100).startswith(b"HTTP/1.1 408") for each in stalled)
    assert_answers(container.post("/invocations", film(60)), 60)


def test_endless_headers_end_the_connection(container: Container) -> None:
    with socket.create_connection(("127.0.0.1", container.port), 30) as slow:
        slow.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nX-Half: ")
        assert slow.recv(100) == b""


def test_headers_of_400_megabytes_are_not_taken_into_memory(container: Container) -> None:
    before = container.megabytes("VmHWM")
    with (
        socket.create_connection(("127.0.0.1", container.port), 30) as endless,
        contextlib.suppress(ConnectionError),
    ):
        endless.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nX-Long: ")
        for _ in range(400):
            endless.sendall(b"a" * 2**20)
    assert container.megabytes("VmHWM") < before + 20
    assert container.get("/ping").status == 200


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(["PNG", "JPEG"]),
    where=st.floats(0, 1),
    change=st.binary(min_size=1, max_size=8),
    cut=st.booleans(),
)
def test_a_mutated_film_gets_an_answer_or_a_documented_refusal(
    container: Container, kind: str, where: float, change: bytes, cut: bool
) -> None:
    data = film(100, kind)
    at = int(where * len(data))
    body = data[:at] + change + (b"" if cut else data[at + len(change) :])
    assert container.post("/invocations", body).status in {200, 400, 413, 415}


def test_the_log_has_one_line_a_film_and_says_why_it_was_refused(container: Container) -> None:
    before = len(container.log.read_text().splitlines())
    container.post("/invocations", film(50))
    container.post("/invocations", b"a letter")
    container.get("/ping")
    entries = [json.loads(line) for line in container.log.read_text().splitlines()[before:]]
    assert [entry["status"] for entry in entries] == [200, 415]
    assert "neither a JPEG nor a PNG" in entries[1]["reason"]


# The same through boto3, with cxr_alert.local.sagemaker_runtime instead of SageMaker.


def sagemaker(endpoint: Container, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", endpoint.url())
    session = boto3.Session(
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - nobody checks it
        region_name="us-east-1",
    )
    return session.client("sagemaker-runtime", config=Config(proxies={}))


def test_boto3_invokes_the_endpoint(endpoint: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = sagemaker(endpoint, monkeypatch).invoke_endpoint(
        EndpointName="cxr-alert",
        Body=SAMPLES[0].read_bytes(),
        ContentType="image/jpeg",
        Accept="application/json",
    )
    assert sum(json.loads(answer["Body"].read())) == pytest.approx(1, abs=1e-5)
    assert answer["ContentType"] == "application/json"
    assert answer["CustomAttributes"] == "model=brightness-1-without-gate"
    assert answer["InvokedProductionVariant"] == "AllTraffic"


def test_boto3_raises_sagemakers_error_for_a_refusal(
    endpoint: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sagemaker(endpoint, monkeypatch)
    with pytest.raises(client.exceptions.ModelError) as raised:
        client.invoke_endpoint(EndpointName="cxr-alert", Body=b"a letter")
    response = raised.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == 415
    assert response["OriginalMessage"].startswith("The file is neither a JPEG nor a PNG")
    assert "client error (415)" in response["Error"]["Message"]


def test_boto3_finds_no_endpoint_of_another_name(
    endpoint: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ClientError, match=r"Endpoint other of account \d+ not found") as raised:
        sagemaker(endpoint, monkeypatch).invoke_endpoint(EndpointName="other", Body=film(1))
    assert raised.value.response["Error"]["Code"] == "ValidationError"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_fault_of_the_container_is_a_500_with_a_traceback_in_the_log_only(
    container: Container, endpoint: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    white = film(255)
    reply = container.post("/invocations", white)
    assert reply == Reply(500, b"The container failed; its log says why.", reply.headers)
    assert "Traceback" in container.log.read_text()
    client = sagemaker(endpoint, monkeypatch)
    with pytest.raises(client.exceptions.ModelError) as raised:
        client.invoke_endpoint(EndpointName="cxr-alert", Body=white)
    assert raised.value.response["OriginalStatusCode"] == 500


# The process from start to end.


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_cleanly_and_quietly(network: Path, tmp_path: Path, signum: int) -> None:
    with running(tmp_path, "--model", network) as container:
        assert container.post("/invocations", film(20)).status == 200
        before = container.log.read_text()
        container.process.send_signal(signum)
        assert container.process.wait(PATIENCE) == 0
        assert container.log.read_text() == before


def test_a_film_in_progress_is_answered_before_the_container_stops(
    network: Path, tmp_path: Path
) -> None:
    body = film(40)
    with running(tmp_path, "--model", network) as container:
        connection = http.client.HTTPConnection("127.0.0.1", container.port, timeout=PATIENCE)
        connection.putrequest("POST", "/invocations")
        connection.putheader("Content-Length", str(len(body)))
        connection.putheader("Expect", "100-continue")
        connection.endheaders()
        assert connection.sock.recv(100).startswith(b"HTTP/1.1 100 Continue")
        container.process.terminate()
        _wait_until_it_listens_no_more(container.port)
        connection.send(body)
        answer = connection.getresponse()
        assert_answers(Reply(answer.status, answer.read(), {}), 40)
        connection.close()
        assert container.process.wait(PATIENCE) == 0


def _wait_until_it_listens_no_more(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.02)
    raise AssertionError("It goes on listening.")


def test_it_runs_as_sagemaker_starts_it(network: Path, tmp_path: Path) -> None:
    dockerfile = (ROOT / "serving" / "Dockerfile").read_text()
    line = next(line for line in dockerfile.splitlines() if line.startswith("ENTRYPOINT"))
    python, *arguments = json.loads(line.removeprefix("ENTRYPOINT"))
    assert python == "python"
    assert arguments[:2] == ["-m", "serving"]
    here = {"/opt/ml/model": network.parent, "0.0.0.0": "127.0.0.1"}  # noqa: S104 - not bound
    rest = [str(here.get(argument, argument)) for argument in arguments[2:]]
    with running(tmp_path, "serve", *rest) as container:
        assert_answers(container.post("/invocations", film(70)), 70)
        status = Path(f"/proc/{container.process.pid}/status").read_text()
        assert status.split("Uid:")[1].split()[0] == str(os.geteuid() or 65534)


def failed_start(*arguments: str | Path) -> str:
    command = [sys.executable, "-m", "serving", *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1
    return ended.stderr


def test_a_port_in_use_is_named(container: Container, network: Path) -> None:
    said = failed_start("--model", network, "--port", str(container.port))
    assert f"Can't listen on 127.0.0.1 port {container.port}: Address already in use." in said


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("missing.onnx", "missing.onnx can't be read: No such file or directory."),
        ("empty", "must hold one ONNX file, the network; it holds 0."),
        ("text.onnx", "text.onnx is not an ONNX network, or is damaged."),
        ("input.onnx", "input.onnx is another kind of network: it must have the input `image`"),
        ("output.onnx", "output.onnx is another kind of network"),
        ("side.onnx", "side.onnx is another kind of network"),
        ("three.onnx", "three.onnx is another kind of network"),
        ("logits.onnx", "which are no probabilities"),
    ],
)
def test_a_file_that_is_not_our_network_ends_the_start_with_a_sentence(
    tmp_path: Path, file: str, reason: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.onnx").write_text("not a network")
    brightness_network(tmp_path / "input.onnx", image="data")
    brightness_network(tmp_path / "output.onnx", probabilities="scores")
    brightness_network(tmp_path / "side.onnx", side="side")
    brightness_network(tmp_path / "three.onnx", classes=3)
    brightness_network(tmp_path / "logits.onnx", softmax=False)
    assert reason in failed_start("--model", tmp_path / file, "--port", "0")
