"""`arrivals`: the results in Orthanc are compared with the judgements."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from delivery.arrivals import NO_RECORD, NOT_THERE, Span, missing
from delivery.dicomweb import DicomwebDestination
from delivery.metrics import Metrics
from delivery.schedule import Schedule
from delivery.settings import Arrivals, Aws, Settings
from delivery.web import WebClient
from screening.clock import now
from screening.record import rejudged
from screening.result import ResultRequest
from testbed.dicom_films import SECRETS, dicom, film
from tests import hospital
from tests.hospital import AT, Cloud, Orthanc, judged, needs_orthanc, orthanc, wait_until
from tests.typed import typed

pytestmark = needs_orthanc
WITHIN = Span(datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC))


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with hospital.cloud(monkeypatch) as made:
        yield made


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[Orthanc]:
    with orthanc(tmp_path / "orthanc") as made:
        yield made


def archive(pacs: Orthanc, number: int, **more: str) -> None:
    """Put a film into the PACS, like the modality."""
    pacs.ask("/instances", dicom(film(), tags=hospital.tags(number) | more))


def of(
    cloud: Cloud, pacs: Orthanc, within: Span = WITHIN
) -> list[tuple[str, str, ResultRequest | None]]:
    found = missing(WebClient(pacs.web), cloud.films().screenings, within)
    return [(each.film.instance_uid, each.reason, each.request) for each in found]


def test_a_film_without_a_result_is_listed_with_its_reason(cloud: Cloud, pacs: Orthanc) -> None:
    for number in range(3):
        archive(pacs, number)
    delivered, lost = cloud.screen(0), cloud.screen(1)
    cloud.tell(delivered)
    cloud.sender(DicomwebDestination(pacs.web)).step(0)
    request = ResultRequest(lost.key, lost.version, lost.judgement.classified)
    assert sorted(of(cloud, pacs)) == [
        (hospital.tags(1)["SOPInstanceUID"], NOT_THERE, request),
        (hospital.tags(2)["SOPInstanceUID"], NO_RECORD, None),
    ]
    cloud.tell(lost)
    cloud.sender(DicomwebDestination(pacs.web)).step(0)
    assert [reason for _, reason, _ in of(cloud, pacs)] == [NO_RECORD]


def test_the_result_of_an_earlier_judgement_is_not_that_of_the_last(
    cloud: Cloud, pacs: Orthanc
) -> None:
    archive(pacs, 0)
    first = cloud.screen(0)
    cloud.tell(first)
    cloud.sender(DicomwebDestination(pacs.web)).step(0)
    assert of(cloud, pacs) == []
    cloud.keep(rejudged(first, judged("0.02", AT + timedelta(hours=1)), alert=True))
    assert [reason for _, reason, _ in of(cloud, pacs)] == [NOT_THERE]


@pytest.mark.parametrize(
    "more",
    [
        {"PatientBirthDate": "19800101"},
        {"BodyPartExamined": "HAND"},
        {"StudyDate": "20261101"},
        {"Modality": "MG"},
    ],
)
def test_films_of_adults_other_parts_days_and_modalities_need_no_result(
    cloud: Cloud, pacs: Orthanc, more: dict[str, str]
) -> None:
    archive(pacs, 0, **more)
    assert of(cloud, pacs) == []
    archive(pacs, 1, PatientBirthDate="", BodyPartExamined="")  # of no known age: it counts
    assert len(of(cloud, pacs)) == 1


def test_a_recent_result_may_still_be_on_its_way(cloud: Cloud, pacs: Orthanc) -> None:
    archive(pacs, 0)
    cloud.screen(0)
    assert len(of(cloud, pacs)) == 1
    assert of(cloud, pacs, Span(WITHIN.since, AT - timedelta(minutes=1))) == []


def test_films_beyond_the_first_page_are_queried_as_well(
    cloud: Cloud, pacs: Orthanc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("delivery.dicomweb._PAGE", 2)
    for number in range(5):
        archive(pacs, number)
    assert len(of(cloud, pacs)) == 5


def test_the_command_lists_study_and_accession_and_delivers_again(
    cloud: Cloud, pacs: Orthanc, tmp_path: Path
) -> None:
    archive(pacs, 0, StudyDate=f"{now():%Y%m%d}")
    cloud.screen(0)
    old = (now() - AT).days + 2
    file = tmp_path / "send.toml"
    file.write_text(
        f'[aws]\nqueue = "{cloud.queue}"\ndead_letters = "{cloud.dead_letters}"\n'
        f'table = "screenings"\n[dicomweb]\nurl = "{pacs.web.url}"\n'
    )
    ran = typed("arrivals", "--config", file, "--days", str(old), "--anew")
    assert (ran.returncode, ran.stderr) == (1, "")
    assert f"{SECRETS['AccessionNumber']}" in ran.stdout
    assert "1 films without their result, 1 sent again." in ran.stdout
    assert SECRETS["PatientName"] not in ran.stdout
    cloud.sender(DicomwebDestination(pacs.web)).step(0)
    assert pacs.modalities() == ["DX", "OT", "SR"]


def test_send_asks_on_a_schedule_and_continues_after_an_outage_of_the_pacs(
    cloud: Cloud, pacs: Orthanc, caplog: pytest.LogCaptureFixture
) -> None:
    archive(pacs, 0, StudyDate=f"{now():%Y%m%d}")
    cloud.screen(0)
    sent: list[dict[str, Any]] = []
    settings = Settings(
        Aws(cloud.queue, cloud.dead_letters, "screenings"),
        dicomweb=pacs.web,
        arrivals=Arrivals(days=(now() - AT).days + 2, every_minutes=0),
    )
    metrics = Metrics(CloudWatch(sent), "cxr-alert")
    pacs.stop()
    schedule = Schedule(settings, metrics)
    schedule.start()
    try:
        wait_until(lambda: "could not be asked" in caplog.text)
        assert cloud.waiting() == 0
        pacs.start()
        wait_until(lambda: cloud.waiting() > 0)
    finally:
        schedule.stop()
    metrics.send(now=True)
    assert [each["MetricName"] for each in sent] == ["ResultsMissing"]


@dataclass
class CloudWatch:
    """Records what it is sent."""

    sent: list[dict[str, Any]]

    def put_metric_data(self, *, MetricData: list[dict[str, Any]], **_: str) -> None:  # noqa: N803
        self.sent += MetricData
