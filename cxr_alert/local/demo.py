"""Upload the sample films one after another and follow each of them."""

import dataclasses
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from cxr_alert.local import mail, watch
from cxr_alert.local.dicom_samples import as_dicom
from cxr_alert.local.pacs import Pacs
from cxr_alert.local.stack import Stack
from screening.errors import Failure

# The first film may take long on a slow machine; later ones should not.
PATIENCE = 30.0
LITTLE_PATIENCE = 2.0
DICOM_FILMS = 2

_PAUSE = 0.02
_NO_FILM = "discharge-letter.pdf"


@dataclasses.dataclass
class Screening:
    """One uploaded film and its outcome so far; times in seconds since the upload."""

    key: str
    label: str
    probability: float | None = None
    finding: str | None = None
    record_seconds: float | None = None
    alert_seconds: float | None = None

    @property
    def complete(self) -> bool:
        """Return whether it has its record and, if it is positive, its alert."""
        return self.record_seconds is not None and (
            not self.positive or self.alert_seconds is not None
        )

    @property
    def positive(self) -> bool:
        return self.finding == "PNEUMONIA"

    @property
    def seconds(self) -> float | None:
        """Return the seconds from the upload to the alert, or to the record if no alert is due."""
        return self.alert_seconds if self.positive else self.record_seconds


class Observer:
    """Reads a stack's records and alerts from outside, as its users do."""

    def __init__(self, stack: Stack, pacs: Pacs | None = None) -> None:
        self._stack = stack
        self._pacs = pacs
        self._records = watch.screenings(stack)
        self._programs = watch.subscribe(stack, "demo-programs", '{"finding": ["PNEUMONIA"]}')

    def screen(self, film: Path, label: str, patience: float, *, dicom: bool) -> Screening:
        """Upload one film and wait until its screening is complete, or until the time limit."""
        key = film.with_suffix(".dcm").name if dicom else film.name
        screening = Screening(key, label)
        stack = self._stack
        body = as_dicom(film) if dicom else film.read_bytes()
        if dicom and self._pacs:
            self._pacs.store(body)
        bucket = stack.outputs["UploadsBucketName"]
        dropped = time.monotonic()
        version = stack.s3.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"]
        while not screening.complete and time.monotonic() < dropped + patience:
            time.sleep(_PAUSE)
            # Alert first: once it has arrived, the record exists too.
            alerted = screening.alert_seconds is None and self._has_alert(key)
            record = None if screening.record_seconds else self._records.find(key, version)
            now = time.monotonic() - dropped
            if alerted:
                screening.alert_seconds = now
            if record:
                screening.record_seconds = now
                probability = record.judgement.probability
                screening.finding = record.judgement.finding
                screening.probability = None if probability is None else float(probability)
        return screening

    def drop_no_film(self) -> str:
        """Upload a file that is not a film, wait for its message to people, and return its key."""
        stack = self._stack
        bucket = stack.outputs["UploadsBucketName"]
        stack.s3.put_object(Bucket=bucket, Key=_NO_FILM, Body=b"%PDF-1.7 Dear colleague, ...")
        deadline = time.monotonic() + PATIENCE
        while not mail.about(stack.settings.state, _NO_FILM) and time.monotonic() < deadline:
            time.sleep(_PAUSE)
        return _NO_FILM

    def _has_alert(self, key: str) -> bool:
        arrived = watch.receive(self._stack, self._programs)
        return any(json.loads(alert.message)["key"] == key for alert in arrived)


def films(samples: Path) -> list[tuple[Path, str]]:
    """Return the sample films with their labels (their folders' names), in alternating order."""
    by_label = [
        [(film, folder.name) for film in sorted(folder.glob("*.jpeg"))]
        for folder in (samples / "NORMAL", samples / "PNEUMONIA")
    ]
    if not all(by_label):
        raise Failure(f"There are no films in {samples}/NORMAL and {samples}/PNEUMONIA.")
    longest = max(len(films) for films in by_label)
    return [films[i] for i in range(longest) for films in by_label if i < len(films)]


def screen_all(observer: Observer, samples: Path, *, dicom_only: bool) -> Iterator[Screening]:
    """Screen the films one at a time, so that their times are independent.

    With a PACS all films come as DICOM, as in hospitals; without one, only the last two.
    """
    patience = PATIENCE
    dropped = films(samples)
    for number, (film, label) in enumerate(dropped):
        dicom = dicom_only or number >= len(dropped) - DICOM_FILMS
        screening = observer.screen(film, label, PATIENCE if dicom else patience, dicom=dicom)
        if not screening.complete:
            patience = LITTLE_PATIENCE
        yield screening


def write_json(screenings: list[Screening], path: Path) -> None:
    rows = [
        {
            "key": each.key,
            "label": each.label,
            "probability": each.probability,
            "finding": each.finding,
            "alerted": each.alert_seconds is not None,
            "seconds": None if each.seconds is None else round(each.seconds, 3),
        }
        for each in screenings
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=2) + "\n")


def median(values: list[float | None]) -> float | None:
    """Return the median of the values that are not None."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
