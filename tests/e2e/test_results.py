"""A result's full path: film, judgement, stream, queue, `send`, Orthanc."""

from pathlib import Path

from aws.screenings_table import Screenings
from cxr_alert.local import hospital, pacs, processes
from cxr_alert.local.dicom_samples import as_dicom
from delivery.dicomweb import DicomwebDestination
from delivery.films import Films
from delivery.metrics import Metrics
from delivery.sender import Sender
from delivery.settings import Results
from tests.e2e.application import DICOM, NEGATIVE, Application, wait_until
from tests.hospital import needs_orthanc, orthanc


@needs_orthanc
def test_the_demo_has_each_result_beside_its_film(application: Application) -> None:
    with pacs.beside(application.stack.settings) as archive:
        assert archive
        sample = processes.ROOT / "samples" / "PNEUMONIA" / "person80_virus_150.jpeg"
        film = as_dicom(sample)
        archive.store(film)
        application.drop("results/sample.dcm", film)
        application.record("results/sample.dcm")
        assert hospital.deliver(application.stack, archive, 1)
        assert archive.modalities()["DX"] == 1
        assert archive.picture_of_a_result().startswith(b"\x89PNG")


@needs_orthanc
def test_results_of_films_are_in_the_pacs_and_the_queue_is_empty(
    application: Application, tmp_path: Path
) -> None:
    outputs, stack = application.stack.outputs, application.stack
    films = Films(
        Screenings(stack.client("dynamodb"), outputs["ScreeningsTableName"]),  # type: ignore[arg-type]
        stack.s3,
        Results(without_patient=True),
    )
    with orthanc(tmp_path / "orthanc") as archive:
        sender = Sender(
            stack.sqs,
            (outputs["ResultsQueueUrl"], outputs["ResultsDeadLetterQueueUrl"]),
            films.result,
            [DicomwebDestination(archive.web)],
            Metrics(stack.client("cloudwatch"), "cxr-alert"),
        )
        wait_until(lambda: sender.step(0) == 0, "an empty results queue")  # of other tests
        before = len(archive.modalities())
        for key, body in (("results/positive.dcm", DICOM), ("results/negative.jpeg", NEGATIVE)):
            application.drop(key, body)
            application.record(key)
            before += 2
            wait_until(lambda: sender.step(0) > 0, f"the result of {key}")
            assert len(archive.modalities()) == before
    application.settle()
    assert application.waiting("ResultsQueueUrl") == 0
    assert application.waiting("ResultsDeadLetterQueueUrl") == 0
