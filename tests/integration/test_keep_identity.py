"""Identity stays on site: films in the bucket do not have it, and results get it back."""

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from cxr_alert.program import main
from delivery.arrivals import Span, missing
from delivery.dicomweb import DicomwebDestination
from delivery.films import NoIdentity
from delivery.web import WebClient
from imaging.dicom import read_film
from intake.bucket import DIGEST, make_client
from intake.identities import Identities, open_identities
from intake.receiver import Receiver, Settings
from intake.spool import FOLDER
from screening.facts import Facts
from screening.record import Claim, Record, screened
from screening.result import result_request
from screening.upload import Upload
from testbed.dicom_films import SECRETS, dicom, film
from tests import hospital, receiving
from tests.hospital import AT, Cloud, Orthanc, judged, needs_orthanc, orthanc

CANNOT_UNDERSTAND = 0xC000

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with hospital.cloud(monkeypatch) as made:
        yield made


@pytest.fixture
def identities(tmp_path: Path) -> Identities:
    return open_identities(tmp_path / "identities", None, make=True)


@pytest.fixture
def receiver(cloud: Cloud, tmp_path: Path, identities: Identities) -> Iterator[Receiver]:
    settings = Settings(
        "uploads", receiving.TITLE, [receiving.SENDER], tmp_path / "spool", 10**7, 20, "intake/"
    )
    made = Receiver(settings, make_client(settings.patience), identities)
    made.spool.open()
    yield made
    made.stop()


@pytest.fixture
def port(receiver: Receiver) -> int:
    return receiver.start("127.0.0.1", 0, None)


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[Orthanc]:
    with orthanc(tmp_path / "orthanc") as made:
        yield made


def file_of(folder: Path, name: str, **tags: Any) -> Path:
    path = folder / f"{name}.dcm"
    path.write_bytes(dicom(film(), tags=hospital.tags(0) | tags))
    return path


def versions(cloud: Cloud) -> list[dict[str, Any]]:
    listed = cloud.bucket.s3.list_object_versions(Bucket="uploads").get("Versions", [])
    return [dict(each) for each in reversed(listed)]


def screen(cloud: Cloud, version: dict[str, Any]) -> Record:
    """Record a judgement of a film in the bucket, like the functions."""
    found = cloud.bucket.s3.get_object(
        Bucket="uploads", Key=version["Key"], VersionId=version["VersionId"]
    )
    body = found["Body"].read()
    name, etag = version["VersionId"], version["ETag"].strip('"')
    upload = Upload(version["Key"], name, "uploads", name, etag, len(body), "2026-11-22T10:15:30Z")
    record = screened(upload, judged("0.93"), Claim("one", "2026-11-22T10:17:31.123Z"))
    header = dcmread(io.BytesIO(body))
    made = replace(record, facts=Facts("DX", "none", instance_uid=str(header.SOPInstanceUID)))
    cloud.keep(made)
    return made


def test_the_bucket_gets_a_copy_without_identity_and_a_repeated_film_once(
    port: int, cloud: Cloud, identities: Identities, tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    data = dicom(film())
    file = tmp_path / "film.dcm"
    file.write_bytes(data)
    with caplog.at_level(logging.INFO):
        assert [receiving.send(port, file) for _ in range(3)] == [[0]] * 3
    (version,) = versions(cloud)
    (body,) = cloud.bucket.bodies()
    for secret in SECRETS.values():
        assert secret.encode() not in body
        assert secret not in version["Key"]
        assert secret not in caplog.text
    assert (read_film(body).grey == read_film(data).grey).all()
    there = cloud.bucket.s3.head_object(Bucket="uploads", Key=version["Key"])
    kept = identities.find(version["Key"], there["Metadata"][DIGEST])
    assert kept
    assert dcmread(io.BytesIO(kept)).PatientName == SECRETS["PatientName"]
    assert list((tmp_path / "spool" / FOLDER).iterdir()) == []
    assert identities.keys_of_study(SECRETS["StudyInstanceUID"]) == [version["Key"]]


def test_a_corrected_film_is_a_new_version_with_the_same_uids_and_a_new_identity(
    port: int, cloud: Cloud, identities: Identities, tmp_path: Path
) -> None:
    names = ["Wrong^Child", "Right^Child"]
    for name in names:
        assert receiving.send(port, file_of(tmp_path, name, PatientName=name)) == [0]
    first, second = versions(cloud)
    assert first["Key"] == second["Key"]
    copies = [dcmread(io.BytesIO(body)) for body in cloud.bucket.bodies()]
    assert copies[0].SOPInstanceUID == copies[1].SOPInstanceUID
    films = replace(cloud.films(), identities=identities)
    for version, name in zip((first, second), names, strict=True):
        request = result_request(screen(cloud, version))
        assert request
        assert {str(each.PatientName) for each in films.result(request).instances} == {name}


@pytest.mark.parametrize(
    ("tags", "change", "comment"),
    [
        ({"BurnedInAnnotation": "YES"}, None, "BurnedInAnnotation YES"),
        ({}, (0x6000, 0x0102), "overlay"),
    ],
)
def test_a_film_with_a_name_in_its_pixels_is_refused_with_a_sentence(
    port: int, cloud: Cloud, tmp_path: Path, caplog: pytest.LogCaptureFixture,
    tags: dict[str, str], change: tuple[int, int] | None, comment: str,
) -> None:  # fmt: skip
    def overlay(dataset: Dataset) -> None:
        if change:
            dataset.add_new(change, "US", 12)

    file = tmp_path / "film.dcm"
    file.write_bytes(dicom(film(), tags=tags, change=overlay))
    assert receiving.send(port, file) == [CANNOT_UNDERSTAND]
    assert versions(cloud) == []
    assert comment in caplog.text


@needs_orthanc
def test_the_result_is_byte_for_byte_that_of_a_film_that_kept_its_identity(
    port: int, cloud: Cloud, identities: Identities, tmp_path: Path
) -> None:
    file = file_of(tmp_path, "film", PatientName="Musterfrau^Xaveria")
    assert receiving.send(port, file) == [0]
    (version,) = versions(cloud)
    record = screen(cloud, version)
    request = result_request(record)
    assert request
    made = replace(cloud.films(), identities=identities).result(request)
    plain = cloud.bucket.s3.put_object(
        Bucket="uploads", Key=record.key, Body=file.read_bytes(), Metadata={DIGEST: "x"}
    )
    cloud.keep(replace(record, version=plain["VersionId"], etag=plain["ETag"].strip('"')))
    request = replace(request, version=plain["VersionId"])
    expected = cloud.films().result(request)
    assert [str(each) for each in made.instances] == [str(each) for each in expected.instances]
    assert made.message == expected.message
    assert made.bundle == expected.bundle
    assert SECRETS["PatientID"] in str(made.bundle)


@needs_orthanc
def test_results_arrive_in_the_study_of_the_pacs_and_are_found_there(
    port: int, cloud: Cloud, identities: Identities, pacs: Orthanc, tmp_path: Path
) -> None:
    file = file_of(tmp_path, "film")
    pacs.ask("/instances", file.read_bytes())
    assert receiving.send(port, file) == [0]
    record = screen(cloud, versions(cloud)[0])
    client, within = WebClient(pacs.web), Span(AT - timedelta(days=2), AT + timedelta(days=2))
    screenings = cloud.films().screenings
    (lost,) = missing(client, screenings, within, identities.derived)
    assert lost.request == result_request(record)
    (unknown,) = missing(client, screenings, within)  # nobody knows it by its own UID
    assert unknown.request is None

    cloud.tell(record)
    sender = cloud.sender(DicomwebDestination(pacs.web))
    sender.build = replace(cloud.films(), identities=identities).result
    sender.step(0)
    (study,) = pacs.ask("/studies")
    assert sorted(pacs.modalities()) == ["DX", "OT", "SR"]
    assert list(missing(client, screenings, within, identities.derived)) == []
    assert (
        pacs.ask(f"/studies/{study}")["MainDicomTags"]["StudyInstanceUID"]
        == (hospital.tags(0)["StudyInstanceUID"])
    )


def test_a_result_without_an_identity_stays_in_the_queue_with_a_reason(
    port: int, cloud: Cloud, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert receiving.send(port, file_of(tmp_path, "film")) == [0]
    record = screen(cloud, versions(cloud)[0])
    cloud.tell(record)
    with hospital.Engine() as engine:
        from delivery.mllp import MllpDestination
        from delivery.settings import Hl7

        sender = cloud.sender(MllpDestination(Hl7("127.0.0.1", engine.port)))
        other = open_identities(tmp_path / "other", None, make=True)
        for films, said in (
            (cloud.films(), "name the identity file by keep_identity"),
            (replace(cloud.films(), identities=other), "does not have its identity"),
        ):
            sender.build = films.result
            for _ in range(20):  # more often than a result may be refused
                sender.step(0)
            assert said in caplog.text
        assert engine.messages == []
        assert (cloud.waiting(), cloud.waiting(cloud.dead_letters)) == (1, 0)
        request = result_request(record)
        assert request
        with pytest.raises(NoIdentity):
            cloud.films().result(request)


def test_the_patient_of_an_alert_is_identified_on_site(
    port: int, cloud: Cloud, identities: Identities, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for name in ("Wrong^Child", "Right^Child"):
        assert receiving.send(port, file_of(tmp_path, name, PatientName=name)) == [0]
    key, file = versions(cloud)[0]["Key"], ("--keep-identity", str(identities.file))
    assert main(["identify", key, *file]) == 0
    said = capsys.readouterr().out
    for text in ("Wrong^Child", "Right^Child", SECRETS["PatientID"], hospital.tags(0)["StudyDate"]):
        assert text in said
    assert main(["identify", key, *file, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found[0]["study UID"] == hospital.tags(0)["StudyInstanceUID"]
    assert main(["identify", "intake/other.dcm", *file]) == 2
    assert "does not know the film intake/other.dcm" in capsys.readouterr().err


def test_send_checks_the_identity_file_as_it_starts(
    cloud: Cloud, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "send.toml"
    config.write_text(
        f'[aws]\nqueue = "{cloud.queue}"\ndead_letters = "{cloud.dead_letters}"\n'
        f'table = "screenings"\n[results]\nkeep_identity = "{tmp_path / "identities"}"\n'
        '[hl7]\nhost = "127.0.0.1"\nport = 9\n'
    )
    for options in ((), ("--check",), ("--dry-run", str(tmp_path / "out"))):
        assert main(["send", "--config", str(config), *options]) == 2
        error = capsys.readouterr().err
        assert error.startswith("keep_identity in [results]: The key ")
        assert error.count("\n") == 1
