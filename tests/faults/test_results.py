"""`send` under every fault at once: each judgement arrives exactly once as an instance."""

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from moto.core.utils import unix_time_millis

from delivery.mllp import MllpDestination
from delivery.pacs import PacsDestination, PacsSession
from delivery.sender import FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS
from delivery.settings import Hl7, Pacs
from screening.record import Record, rejudged
from screening.result import ResultRequest, result_request
from tests import hospital
from tests.hospital import (
    AT,
    Cloud,
    Engine,
    FhirServer,
    judged,
    needs_orthanc,
    orthanc,
    wait_until,
)

FILMS, KILLS = 60, 8
# Messages of a killed process return in seconds, not after the queue's two minutes.
PROGRAM = (
    "import sys, delivery.sender as sender; sender.HELD_SECONDS = 4; "
    "sender._HOLD_EVERY_SECONDS = 1; sender.LONGEST_WAIT_SECONDS = 2; "
    "from cxr_alert.program import main; sys.exit(main())"
)

pytestmark = [
    needs_orthanc,
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with hospital.cloud(monkeypatch) as made:
        yield made


def told(cloud: Cloud) -> list[Record]:
    """Enqueue every film, a third of them as screened twice, and a fifth of all messages twice."""
    found = []
    for number in range(FILMS):
        record = cloud.screen(number, "0.93" if number % 2 else "0.02")
        found.append(record)
        if number % 3 == 0:
            record = rejudged(record, judged("0.5", AT + timedelta(hours=1)), alert=True)
            cloud.keep(record)
            found.append(record)
    cloud.tell(*found, *found[::5])
    return found


def told_of(record: Record) -> ResultRequest:
    found = result_request(record)
    assert found
    return found


@pytest.mark.slow
def test_after_kills_outages_and_repeated_messages_each_judgement_arrived_once(
    cloud: Cloud, tmp_path: Path
) -> None:
    records = told(cloud)
    expected = {
        instance.SOPInstanceUID
        for record in records
        for instance in cloud.films().result(told_of(record)).instances
    }
    chance = random.Random(7)  # noqa: S311 - for repeatable faults
    with orthanc(tmp_path / "orthanc") as pacs, Engine() as engine, FhirServer() as fhir:
        file = tmp_path / "send.toml"
        file.write_text(
            f'[aws]\nqueue = "{cloud.queue}"\ndead_letters = "{cloud.dead_letters}"\n'
            f'table = "screenings"\n'
            f'[pacs]\nhost = "127.0.0.1"\nport = {pacs.dicom}\ntitle = "ORTHANC"\n'
            f'[fhir]\nurl = "{fhir.url}"\n[hl7]\nhost = "127.0.0.1"\nport = {engine.port}\n'
        )
        for kill in range(KILLS + 1):
            process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, "send", "--config", str(file)],
                env=cloud.environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                if kill == KILLS:
                    wait_until(lambda: cloud.waiting() == 0, 120)
                    continue
                seen = len(engine.messages) + chance.randrange(1, 9)
                wait_until(lambda: len(engine.messages) >= seen or cloud.waiting() == 0)  # noqa: B023
            finally:
                process.kill()
                process.wait()
            if kill == 1:
                pacs.stop()
                fhir.status = 503
            if kill == 4:
                pacs.start()
                fhir.status = 200
        instances = [
            each["MainDicomTags"]["SOPInstanceUID"] for each in pacs.ask("/instances?expand")
        ]
        assert cloud.waiting(cloud.dead_letters) == 0
        assert sorted(instances) == sorted(expected)  # each once
        ids = {message.split("|")[9] for message in engine.messages}
        observations = {
            entry["fullUrl"]
            for bundle in fhir.bundles
            for entry in bundle["entry"]
            if entry["resource"]["resourceType"] == "Observation"
        }
        assert len(ids) == len(observations) == len(records)


class Later:
    """A clock that can be advanced, for `send` and for the queue alike."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 0.0
        monotonic, unix_time = time.monotonic, unix_time_millis
        monkeypatch.setattr("delivery.sender.time", self)
        monkeypatch.setattr(
            "moto.sqs.models.unix_time_millis", lambda: unix_time() + 1000 * self.seconds
        )
        self.monotonic = lambda: monotonic() + self.seconds


def test_after_an_hour_without_the_pacs_all_results_arrive_within_the_longest_wait(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    films = 11  # one more than `send` takes at once
    records = [cloud.screen(number) for number in range(films)]
    later = Later(monkeypatch)
    opened = 0
    with orthanc(tmp_path / "orthanc") as pacs, Engine() as engine:
        store = PacsDestination(Pacs("127.0.0.1", pacs.dicom, "ORTHANC"))
        connect = store.open

        def counted() -> PacsSession:
            nonlocal opened
            opened += 1
            return connect()

        monkeypatch.setattr(store, "open", counted)
        mllp = MllpDestination(Hl7("127.0.0.1", engine.port))
        sender = cloud.sender(store, mllp, first_wait=FIRST_WAIT_SECONDS)
        pacs.stop()
        cloud.tell(*records)
        while later.seconds < 3600:
            sender.step(0)
            later.seconds += 10
        assert (len(engine.messages), cloud.waiting()) == (films, films)
        assert opened < 15  # not once for each batch of these 360 steps
        pacs.start()
        while cloud.waiting() and later.seconds < 3600 + LONGEST_WAIT_SECONDS + 60:
            sender.step(0)
            later.seconds += 10
        assert cloud.waiting() == 0
        assert len(pacs.modalities()) == 2 * films
        assert len(engine.messages) == films
