"""Films sent by dcmtk's storescu, as a modality sends them, into a bucket in moto."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from imaging.dicom import read_film
from intake.receiver import Receiver, Settings, object_key
from testbed.dicom_films import dicom, film

FILMS = 200
PREFIX = "intake/"

pytestmark = pytest.mark.skipif(
    shutil.which("storescu") is None, reason="storescu is missing: apt-get install dcmtk"
)


def uid(number: int) -> str:
    return f"1.2.826.0.1.3680043.8.498.{number + 1}"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of S3, where `uploads` is a versioned bucket."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    s3_backends.reset()  # servers of one process share a memory
    make_bucket(url)
    yield url
    server.stop()


def make_bucket(url: str) -> None:
    s3 = boto3.client("s3", endpoint_url=url)
    s3.create_bucket(Bucket="uploads")
    s3.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Enabled"})


def versions(url: str) -> list[str]:
    pages = boto3.client("s3", endpoint_url=url).get_paginator("list_object_versions")
    found = pages.paginate(Bucket="uploads")
    return [each["Key"] for page in found for each in page.get("Versions", [])]


@pytest.fixture
def receiver(bucket: str, tmp_path: Path) -> Iterator[Receiver]:
    settings = Settings("uploads", "CXRALERT", ["MODALITY"], tmp_path / "spool", 10**7, 0.5, PREFIX)
    made = Receiver(settings, boto3.client("s3", endpoint_url=bucket))
    yield made
    made.stop()


def send(port: int, files: list[Path], title: str = "MODALITY", called: str = "CXRALERT") -> int:
    """Send until the first that is not taken; return storescu's exit status."""
    command = ["storescu", "-aet", title, "-aec", called, "127.0.0.1", str(port)]
    return subprocess.run(
        [*command, *map(str, files)], check=False, capture_output=True, timeout=120
    ).returncode


@pytest.fixture
def films(tmp_path: Path) -> list[Path]:
    files = []
    for number in range(FILMS):
        path = tmp_path / f"{number:03}.dcm"
        path.write_bytes(dicom(film(), tags={"SOPInstanceUID": uid(number)}))
        files.append(path)
    return files


def test_with_the_bucket_away_for_a_while_no_film_is_lost_and_none_doubled(
    receiver: Receiver, bucket: str, films: list[Path]
) -> None:
    port = receiver.start("127.0.0.1", 0, None)
    assert send(port, films[:80]) == 0
    there = receiver.settings
    receiver.settings = replace(there, bucket="away")
    assert send(port, films[80:90]) != 0
    receiver.settings = there
    # A modality sends again all that it has no success for, and some that it has.
    assert send(port, films[60:]) == 0
    keys = versions(bucket)
    assert len(keys) == len(set(keys)) == FILMS
    assert set(keys) == {object_key(PREFIX, uid(number)) for number in range(FILMS)}
    assert list(receiver.settings.spool.iterdir()) == []


def test_what_arrives_is_the_film_and_its_key_tells_nobody(
    receiver: Receiver, bucket: str, films: list[Path]
) -> None:
    assert send(receiver.start("127.0.0.1", 0, None), films[:1]) == 0
    (key,) = versions(bucket)
    assert uid(0) not in key
    body = boto3.client("s3", endpoint_url=bucket).get_object(Bucket="uploads", Key=key)["Body"]
    assert (read_film(body.read()).grey == film()).all()


@pytest.mark.parametrize(("title", "called"), [("STRANGER", "CXRALERT"), ("MODALITY", "OTHER")])
def test_strangers_are_turned_away(
    receiver: Receiver, bucket: str, films: list[Path], title: str, called: str
) -> None:
    port = receiver.start("127.0.0.1", 0, None)
    assert send(port, films[:1], title, called) != 0
    assert versions(bucket) == []


def test_a_full_spool_refuses_and_success_is_never_answered(
    receiver: Receiver, bucket: str, films: list[Path]
) -> None:
    receiver.settings = replace(receiver.settings, spool_bytes=100)
    assert send(receiver.start("127.0.0.1", 0, None), films[:1]) != 0
    assert versions(bucket) == []
