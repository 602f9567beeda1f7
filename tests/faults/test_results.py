"""`send` under every fault at once: each judgement arrives exactly once as an instance."""

import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from screening.record import Record, rejudged
from screening.result import Told, judgement_to_tell
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
# What is on the way when it is killed comes back in seconds, not in the queue's two minutes.
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
    """Tell of every film, of a third of them as screened twice, and of a fifth of all doubly."""
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


def told_of(record: Record) -> Told:
    found = judgement_to_tell(record)
    assert found
    return found


@pytest.mark.slow
def test_killed_with_peers_away_and_messages_doubled_each_judgement_is_there_once(
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
