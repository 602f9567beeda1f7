"""Orthanc as the hospital's PACS beside a local stack, if it is installed."""

import contextlib
import json
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxr_alert.local import environment, processes
from cxr_alert.local.stack import Settings

NAME = "PACS"
ORTHANC = Path("/usr/sbin/Orthanc")
DICOMWEB = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
TITLE = "ORTHANC"


def installed() -> bool:
    """Return whether both packages are installed: apt-get install orthanc orthanc-dicomweb."""
    return ORTHANC.exists() and DICOMWEB.exists()


def configuration(folder: Path, http: int, dicom: int) -> dict[str, Any]:
    """Return Orthanc's settings: it listens on this machine only and stores in `folder`."""
    return {
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "HttpPort": http,
        "DicomPort": dicom,
        "DicomAet": TITLE,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "Plugins": [str(DICOMWEB)],
    }


@dataclass(frozen=True)
class Pacs:
    http: int
    dicom: int

    def store(self, film: bytes) -> None:
        """Store a DICOM file, as the X-ray machine does."""
        self._ask("/instances", film).close()

    def modalities(self) -> Mapping[str, int]:
        """Return the number of instances per modality: DX are films, SR and OT are results."""
        with self._ask("/series?expand") as answer:
            found: dict[str, int] = {}
            for series in json.load(answer):
                name = series["MainDicomTags"]["Modality"]
                found[name] = found.get(name, 0) + len(series["Instances"])
            return found

    def picture_of_a_result(self) -> bytes:
        """Return the picture of one result as PNG, as a viewer shows it."""
        asked = json.dumps({"Level": "Instance", "Query": {"Modality": "OT"}, "Limit": 1})
        with self._ask("/tools/find", asked.encode()) as answer:
            (name,) = json.load(answer)
        with self._ask(f"/instances/{name}/preview") as answer:
            shown: bytes = answer.read()
            return shown

    def _ask(self, path: str, body: bytes | None = None) -> Any:  # noqa: ANN401 - of urllib
        address = f"http://127.0.0.1:{self.http}{path}"
        return urllib.request.urlopen(address, body, timeout=10)


@contextlib.contextmanager
def beside(settings: Settings) -> Iterator[Pacs | None]:
    """Start an empty PACS beside a stack with results; yields None for a stack without."""
    if not settings.results:
        yield None
        return
    pacs, state = Pacs(*processes.free_ports(2)), settings.state
    folder = state / "tmp" / "pacs"
    folder.mkdir()
    file = folder / "orthanc.json"
    file.write_text(json.dumps(configuration(folder, pacs.http, pacs.dicom)))
    process = processes.start(NAME, [ORTHANC, file], environment.base(state), state)
    try:
        processes.wait_until_serving(NAME, process, pacs.http, "/system", state, 30)
        yield pacs
    finally:
        process.kill()  # it takes seconds to end when asked to
        process.wait()
