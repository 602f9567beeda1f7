"""Results sent to real peers: Orthanc by C-STORE and STOW-RS, a FHIR server, an MLLP engine."""

import json
import logging
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from delivery.dicomweb import DicomwebDestination
from delivery.fhir import FhirDestination
from delivery.mllp import MllpDestination
from delivery.pacs import PacsDestination
from delivery.sender import MOST_REFUSALS
from delivery.settings import Fhir, Hl7, Pacs
from screening.record import rejudged
from screening.rendition import rendition_key
from screening.result import result_request
from testbed.dicom_films import SECRETS, dicom, film
from tests import hospital
from tests.hospital import AT, Cloud, Engine, FhirServer, Orthanc, judged, needs_orthanc, orthanc
from tests.receiving import certificate
from tests.results import PRECISION
from tests.typed import typed

PRESENT = ["OT", "SR"]
SAMPLES = Path(__file__).parents[2] / "samples"

# pynetdicom leaves sockets that never connected to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with hospital.cloud(monkeypatch) as made:
        yield made


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[Orthanc]:
    with orthanc(tmp_path / "orthanc") as made:
        yield made


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine() as made:
        yield made


@pytest.fixture
def fhir() -> Iterator[FhirServer]:
    with FhirServer() as made:
        yield made


def by_store(pacs: Orthanc) -> PacsDestination:
    return PacsDestination(Pacs("127.0.0.1", pacs.dicom, "ORTHANC"))


def by_mllp(engine: Engine) -> MllpDestination:
    return MllpDestination(Hl7("127.0.0.1", engine.port))


@needs_orthanc
def test_a_result_is_everywhere_and_only_then_no_longer_in_the_queue(
    cloud: Cloud, pacs: Orthanc, engine: Engine, fhir: FhirServer,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    cloud.tell(cloud.screen(0), cloud.screen(1, "0.02"))
    sender = cloud.sender(by_store(pacs), FhirDestination(Fhir(fhir.url)), by_mllp(engine))
    with caplog.at_level(logging.INFO):
        sender.step(0)
    assert cloud.waiting() == 0
    assert pacs.modalities() == sorted(PRESENT * 2)
    assert len(fhir.bundles) == len(engine.messages) == 2
    assert caplog.text.count("delivered to pacs, fhir, hl7") == 2
    assert not [secret for secret in SECRETS.values() if secret in caplog.text]


@needs_orthanc
def test_stow_stores_the_same_instances_as_c_store(cloud: Cloud, pacs: Orthanc) -> None:
    cloud.tell(cloud.screen())
    destination = DicomwebDestination(pacs.web)
    assert destination.check() == ["answers QIDO-RS"]
    cloud.sender(destination).step(0)
    assert pacs.modalities() == PRESENT
    (study,) = pacs.ask("/studies")
    found = pacs.ask(f"/studies/{study}")["PatientMainDicomTags"]
    assert found["PatientID"] == SECRETS["PatientID"]


@needs_orthanc
def test_a_result_delivered_twice_is_in_the_pacs_once(cloud: Cloud, pacs: Orthanc) -> None:
    record = cloud.screen()
    for _ in range(3):  # a duplicate, and a process that has forgotten
        cloud.tell(record)
        cloud.sender(by_store(pacs)).step(0)
        cloud.sender(DicomwebDestination(pacs.web)).step(0)
    assert cloud.waiting() == 0
    assert pacs.modalities() == PRESENT


@needs_orthanc
def test_each_judgement_of_a_film_that_is_screened_again_is_there(
    cloud: Cloud, pacs: Orthanc
) -> None:
    first = cloud.screen()
    second = rejudged(first, judged("0.02", AT + timedelta(days=1)), alert=True)
    cloud.keep(second)
    cloud.tell(first, second)
    cloud.sender(by_store(pacs)).step(0)
    assert pacs.modalities() == sorted(PRESENT * 2)


@needs_orthanc
def test_during_an_outage_of_the_pacs_the_others_get_their_results_once(
    cloud: Cloud, pacs: Orthanc, engine: Engine
) -> None:
    pacs.stop()
    cloud.tell(cloud.screen())
    sender = cloud.sender(by_store(pacs), by_mllp(engine))
    for _ in range(3):
        assert sender.step(0) == 1
    assert (cloud.waiting(), len(engine.messages)) == (1, 1)
    pacs.start()
    sender.step(0)
    assert (cloud.waiting(), len(engine.messages)) == (0, 1)
    assert pacs.modalities() == PRESENT


@needs_orthanc
def test_the_pacs_is_reached_over_mutual_tls(cloud: Cloud, tmp_path: Path) -> None:
    authority = certificate(tmp_path, "authority")
    own, ours = (certificate(tmp_path, name, authority) for name in ("pacs", "sender"))
    cloud.tell(cloud.screen())
    with orthanc(tmp_path / "orthanc", own, authority) as pacs:
        settings = Pacs("localhost", pacs.dicom, "ORTHANC", tls=True, ca=authority.file)
        stranger = cloud.sender(PacsDestination(settings))
        stranger.step(0)
        assert (cloud.waiting(), pacs.modalities()) == (1, [])
        known = replace(settings, certificate=ours.file, key=ours.key_file)
        assert PacsDestination(known).check() == ["answers C-ECHO"]
        cloud.sender(PacsDestination(known)).step(0)
        assert (cloud.waiting(), pacs.modalities()) == (0, PRESENT)


@pytest.mark.parametrize("code", ["AE", "AR", "CA"])
def test_a_result_that_the_engine_refuses_stays_and_is_finally_dead_lettered(
    cloud: Cloud, engine: Engine, code: str
) -> None:
    engine.code = code
    cloud.tell(cloud.screen())
    sender = cloud.sender(by_mllp(engine))
    for number in range(MOST_REFUSALS):
        assert cloud.waiting() == 1, number
        sender.step(0)
    assert (cloud.waiting(), cloud.waiting(cloud.dead_letters)) == (0, 1)


def test_an_acknowledgement_of_another_message_does_not_count(cloud: Cloud, engine: Engine) -> None:
    engine.wrong_id = True
    cloud.tell(cloud.screen())
    cloud.sender(by_mllp(engine)).step(0)
    assert cloud.waiting() == 1


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_a_result_that_the_fhir_server_refuses_stays(
    cloud: Cloud, fhir: FhirServer, status: int
) -> None:
    fhir.status = status
    cloud.tell(cloud.screen())
    sender = cloud.sender(FhirDestination(Fhir(fhir.url)))
    sender.step(0)
    assert (cloud.waiting(), fhir.bundles) == (1, [])
    fhir.status = 200
    sender.step(0)
    assert (cloud.waiting(), len(fhir.bundles)) == (0, 1)


@pytest.mark.parametrize("own_ids", [False, True])
def test_a_fhir_server_has_each_result_once_after_repeated_deliveries(
    cloud: Cloud, own_ids: bool
) -> None:
    records = [cloud.screen(number) for number in range(3)]
    with hospital.medplum() as url:
        destination = FhirDestination(Fhir(url, own_ids=own_ids))
        assert destination.check() == ["speaks FHIR 4.0.1"]
        for _ in range(2):
            cloud.tell(*records)
            cloud.sender(destination).step(0)
        assert cloud.waiting() == 0
        with urllib.request.urlopen(f"{url}/DiagnosticReport") as answer:  # noqa: S310 - of this machine
            found = json.load(answer)["entry"]
    assert len(found) == 3


def test_a_result_on_which_a_server_fails_does_not_block_others(
    cloud: Cloud, fhir: FhirServer
) -> None:
    records = [cloud.screen(number) for number in range(6)]
    cloud.tell(*records)
    fhir.cannot_bear = hospital.tags(0)["SOPInstanceUID"]
    sender = cloud.sender(FhirDestination(Fhir(fhir.url)))
    for _ in range(2):
        sender.step(0)
    assert (cloud.waiting(), len(fhir.bundles)) == (1, 5)


def test_requests_carry_the_token_of_the_file_or_awss_signature(
    cloud: Cloud, fhir: FhirServer, tmp_path: Path
) -> None:
    secret = tmp_path / "token"
    secret.write_text("first\n")
    bearer = Fhir(fhir.url, "bearer", secret)
    sender = cloud.sender(FhirDestination(bearer))
    cloud.tell(cloud.screen(0))
    sender.step(0)
    secret.write_text("renewed\n")
    cloud.tell(cloud.screen(1))
    sender.step(0)
    cloud.tell(cloud.screen(2))
    cloud.sender(FhirDestination(Fhir(fhir.url, "sigv4", region="eu-central-1"))).step(0)
    given = [each["Authorization"] for each in fhir.headers]
    assert given[:2] == ["Bearer first", "Bearer renewed"]
    assert given[2].startswith("AWS4-HMAC-SHA256 Credential=test/")
    assert "/eu-central-1/healthlake/aws4_request" in given[2]


def test_a_film_without_patient_or_that_was_deleted_has_nothing_to_deliver(
    cloud: Cloud, engine: Engine
) -> None:
    picture = cloud.screen(0, body=b"\xff\xd8\xff" + b"0" * 100)
    deleted = cloud.screen(1)
    cloud.bucket.s3.delete_object(Bucket="uploads", Key=deleted.key, VersionId=deleted.version)
    cloud.tell(picture, deleted)
    cloud.sender(by_mllp(engine)).step(0)
    assert (cloud.waiting(), engine.messages) == (0, [])


def test_the_film_is_shown_beside_its_result_while_its_rendition_is_there(cloud: Cloud) -> None:
    record = cloud.screen()
    told = result_request(record)
    assert told
    films = replace(cloud.films(), renditions="uploads")
    without = films.result(told).instances[1].PixelData
    assert without == cloud.films().result(told).instances[1].PixelData
    picture = (SAMPLES / "NORMAL" / "IM-0482-0001.jpeg").read_bytes()
    key = rendition_key(record.key, record.version)
    cloud.bucket.s3.put_object(Bucket="uploads", Key=key, Body=picture)
    assert films.result(told).instances[1].PixelData != without


def test_local_precision_is_in_every_form(cloud: Cloud) -> None:
    told = result_request(cloud.screen())
    assert told
    line = "Here, 41 of the last 50 such alerts were confirmed, 69 to 90 %."
    result = cloud.films().result(replace(told, precision=PRECISION))
    report, _ = result.instances
    for form in (report.to_json(), json.dumps(result.bundle), result.message.decode()):
        assert line in form
    assert line not in cloud.films().result(told).instances[0].to_json()


def test_a_header_of_any_length_is_read(cloud: Cloud, engine: Engine) -> None:
    def lengthen(dataset: Dataset) -> None:
        dataset.add_new(0x00091010, "UN", b"y" * 400_000)

    cloud.tell(cloud.screen(body=dicom(film(), tags=hospital.tags(0), change=lengthen)))
    cloud.sender(by_mllp(engine)).step(0)
    assert len(engine.messages) == 1


def test_unreadable_messages_are_dead_lettered(cloud: Cloud, engine: Engine) -> None:
    sender = cloud.sender(by_mllp(engine))
    sender.sqs.send_message(QueueUrl=cloud.queue, MessageBody="no JSON")
    sender.step(0)
    assert (cloud.waiting(), cloud.waiting(cloud.dead_letters)) == (0, 1)


def command(*options: str) -> list[str]:
    program = "import sys; from cxr_alert.program import main; sys.exit(main())"
    return [sys.executable, "-c", program, "send", *options]


def config(cloud: Cloud, folder: Path, more: str) -> str:
    file = folder / "send.toml"
    file.write_text(
        f'[aws]\nqueue = "{cloud.queue}"\ndead_letters = "{cloud.dead_letters}"\n'
        f'table = "screenings"\n{more}'
    )
    return str(file)


def test_the_command_delivers_until_it_is_stopped_and_a_dry_run_writes_files(
    cloud: Cloud, engine: Engine, tmp_path: Path
) -> None:
    cloud.tell(cloud.screen(0), cloud.screen(1))
    file = config(cloud, tmp_path, f'[hl7]\nhost = "127.0.0.1"\nport = {engine.port}\n')
    checked = typed("send", "--config", file, "--check")
    dry = typed("send", "--config", file, "--dry-run", tmp_path / "out")
    assert (checked.returncode, checked.stdout) == (
        0, "queue: answers\nhl7: takes connections\n",
    )  # fmt: skip
    assert (dry.returncode, engine.messages, cloud.waiting()) == (0, [], 2), dry.stderr
    assert sorted(each.suffix for each in (tmp_path / "out").iterdir()) == sorted(
        [".dcm", ".dcm", ".json", ".hl7"] * 2
    )
    process = subprocess.Popen(
        command("--config", file), env=cloud.environment, stderr=subprocess.PIPE, text=True
    )
    try:
        hospital.wait_until(lambda: cloud.waiting() == 0)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[1]
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert len(engine.messages) == 2
    assert said.count("delivered to hl7") == 2
    assert not [secret for secret in SECRETS.values() if secret in said]


def test_the_check_names_an_unreachable_destination(cloud: Cloud, tmp_path: Path) -> None:
    port = hospital.free_port()
    file = config(
        cloud, tmp_path,
        f'[pacs]\nhost = "127.0.0.1"\nport = {port}\ntitle = "PACS"\n'
        f'[fhir]\nurl = "http://127.0.0.1:{port}"\n',
    )  # fmt: skip
    checked = typed("send", "--config", file, "--check")
    assert checked.returncode == 1
    assert "pacs: can't be used: no association" in checked.stdout
    assert "fhir: can't be used: no answer" in checked.stdout
