"""A PACS by DICOMweb: STOW-RS to store, QIDO-RS to query."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from pydicom import dcmwrite
from pydicom.dataset import Dataset

from delivery.destination import Refused, Result
from delivery.settings import Dicomweb
from delivery.web import WebClient

_PAGE = 100
_JSON = {"Accept": "application/dicom+json"}
_FAILED = "00081198"  # Failed SOP Sequence


class DicomwebDestination:
    name = "dicomweb"

    def __init__(self, settings: Dicomweb) -> None:
        self.client = WebClient(settings)

    def open(self) -> "DicomwebDestination":
        return self

    def deliver(self, result: Result) -> None:
        """Store both instances by one STOW-RS request."""
        boundary = uuid4().hex
        headers = {
            **_JSON,
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
        }
        parts = [
            f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
            + encoded(each)
            + b"\r\n"
            for each in result.instances
        ]
        body = b"".join([*parts, f"--{boundary}--\r\n".encode()])
        answer = self.client.ask("POST", "/studies", headers, body)
        if answer.status != 200 and _failed(answer.data):
            raise Refused(f"it answers HTTP status {answer.status}, and did not store everything")

    def close(self) -> None:
        """Do nothing: no connection stays open between requests."""

    def check(self) -> Sequence[str]:
        """Ask for one study."""
        self.client.ask("GET", "/studies?limit=1", _JSON)
        return ["answers QIDO-RS"]


def encoded(instance: Dataset) -> bytes:
    """Return the instance as a DICOM Part 10 file."""
    file = io.BytesIO()
    dcmwrite(file, instance, enforce_file_format=True)
    return file.getvalue()


def find(client: WebClient, path: str, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield all results of a QIDO-RS query, page by page; raise Away and Refused."""
    offset = 0
    while True:
        asked = urlencode({**query, "limit": str(_PAGE), "offset": str(offset)})
        answer = client.ask("GET", f"{path}?{asked}", _JSON)
        found = json.loads(answer.data) if answer.status == 200 and answer.data else []
        yield from found
        if len(found) < _PAGE:
            return
        offset += _PAGE


def _failed(answer: bytes) -> bool:
    try:
        return bool(json.loads(answer).get(_FAILED))
    except (ValueError, AttributeError):
        return True  # an unreadable answer is not a confirmation
