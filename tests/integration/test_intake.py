"""Films sent by dcmtk's storescu, like a modality, to a bucket in moto."""

import io
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import UID, ExplicitVRLittleEndian, RLELossless

from imaging.dicom import read_film
from intake.bucket import make_client, object_key
from intake.receiver import Receiver, Settings
from intake.spool import FOLDER
from testbed.dicom_films import dicom, film
from tests import receiving
from tests.receiving import SENDER, TITLE, MotoBucket, moto_bucket

FILMS = 60
PATIENCE = 10  # seconds: a bucket that is slow on a busy machine is no outage
PREFIX = "intake/"

pytestmark = pytest.mark.skipif(
    shutil.which("storescu") is None, reason="storescu is missing: apt-get install dcmtk"
)


def uid(number: int) -> str:
    return f"1.2.826.0.1.3680043.8.498.{number + 1}"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[MotoBucket]:
    with moto_bucket() as made:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        for name, value in made.environment.items():
            if name.startswith("AWS_"):
                monkeypatch.setenv(name, value)
        yield made


def versions(bucket: MotoBucket) -> list[str]:
    pages = bucket.s3.get_paginator("list_object_versions").paginate(Bucket="uploads")
    return [each["Key"] for page in pages for each in page.get("Versions", [])]


@pytest.fixture
def receiver(bucket: MotoBucket, tmp_path: Path) -> Iterator[Receiver]:
    settings = Settings("uploads", TITLE, [SENDER], tmp_path / "spool", 10**7, PATIENCE, PREFIX)
    made = Receiver(settings, make_client(settings.patience))
    made.spool.open()
    yield made
    made.stop()


def send(port: int, files: list[Path], title: str = "MODALITY", called: str = "CXRALERT") -> int:
    """Send until the first film that is refused; return storescu's exit status."""
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


def test_during_an_outage_of_the_bucket_no_film_is_lost_and_none_duplicated(
    receiver: Receiver, bucket: MotoBucket, films: list[Path]
) -> None:
    port = receiver.start("127.0.0.1", 0, None)
    assert send(port, films[:25]) == 0
    receiver.bucket.name = "away"
    assert send(port, films[25:30]) != 0
    receiver.bucket.name = "uploads"
    # A modality repeats everything without a success, and some films with one.
    assert send(port, films[20:]) == 0
    keys = versions(bucket)
    assert len(keys) == len(set(keys)) == FILMS
    assert set(keys) == {object_key(PREFIX, uid(number)) for number in range(FILMS)}
    assert list((receiver.settings.spool / FOLDER).iterdir()) == []


def test_the_film_arrives_unchanged_and_its_key_identifies_nobody(
    receiver: Receiver, bucket: MotoBucket, films: list[Path]
) -> None:
    assert send(receiver.start("127.0.0.1", 0, None), films[:1]) == 0
    (key,) = versions(bucket)
    assert uid(0) not in key
    (body,) = bucket.bodies()
    assert (read_film(body).grey == film()).all()


@pytest.mark.parametrize(("title", "called"), [("STRANGER", "CXRALERT"), ("MODALITY", "OTHER")])
def test_unknown_senders_are_refused(
    receiver: Receiver, bucket: MotoBucket, films: list[Path], title: str, called: str
) -> None:
    port = receiver.start("127.0.0.1", 0, None)
    assert send(port, films[:1], title, called) != 0
    assert versions(bucket) == []


def test_a_full_spool_refuses_films_and_never_answers_success(
    receiver: Receiver, bucket: MotoBucket, films: list[Path]
) -> None:
    assert receiver.spool.reserve(10**7 - 100)
    port = receiver.start("127.0.0.1", 0, None)
    assert send(port, films[:1]) != 0
    assert versions(bucket) == []
    receiver.spool.release(10**7 - 100)
    assert send(port, films[:1]) == 0


def sent(
    folder: Path, syntax: UID = ExplicitVRLittleEndian, level: int = 0, name: str = "A"
) -> Path:
    """A film of one instance; a level changes the pixels, a name the header."""
    path = folder / f"{syntax}-{level}-{name}.dcm"
    path.write_bytes(
        dicom(film() // 2 + level, syntax, tags={"SOPInstanceUID": uid(0), "PatientName": name})
    )
    return path


def test_a_corrected_film_is_a_new_version_and_a_repeated_film_is_not(
    receiver: Receiver, bucket: MotoBucket, tmp_path: Path
) -> None:
    port = receiver.start("127.0.0.1", 0, None)
    first = sent(tmp_path)
    corrections = [sent(tmp_path, level=9), sent(tmp_path, name="B"), sent(tmp_path, RLELossless)]
    for file in (first, *corrections, first):  # the last one reverts the corrections
        for _ in range(3):
            assert receiving.send(port, file) == [0]
    bodies = [dcmread(io.BytesIO(body)) for body in bucket.bodies()]
    expected = [dcmread(each) for each in (first, *corrections, first)]
    assert len(set(versions(bucket))) == 1
    assert [each.PixelData for each in bodies] == [each.PixelData for each in expected]
    assert [each.PatientName for each in bodies] == [each.PatientName for each in expected]


def test_two_corrections_at_once_are_both_kept(
    receiver: Receiver, bucket: MotoBucket, tmp_path: Path
) -> None:
    port = receiver.start("127.0.0.1", 0, None)
    files = [sent(tmp_path, level=level) for level in range(3)]
    with ThreadPoolExecutor(3) as senders:
        assert set(senders.map(lambda file: send(port, [file, file]), files)) == {0}
    levels = {dcmread(io.BytesIO(body)).PixelData for body in bucket.bodies()}
    assert levels == {dcmread(file).PixelData for file in files}
