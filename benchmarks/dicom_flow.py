"""From the upload of a DICOM film to its record, in the local application: first and later films.

python -m benchmarks.dicom_flow
"""

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.uid import JPEGLosslessSV1
from rich.console import Console

from benchmarks import report
from benchmarks.dicom import HEIGHT, SAMPLE, WIDTH
from benchmarks.rows import Row, compare
from cxr_alert.local import stack
from cxr_alert.local.demo import PATIENCE, Observer
from cxr_alert.local.dicom_samples import as_dicom
from imaging.readers import read_grey
from testbed.dicom_films import dicom

SECTION = "DICOM: upload to record, the local stack"
STARTS = 5
FILMS = 10
FIRST_SECONDS = 1.5  # time limit of the first film after a start


def measure(running: stack.Stack, say: Callable[[str], None]) -> list[Row]:
    """Upload films to a stack that has screened none yet; its functions restart in between."""
    observer = Observer(running)
    jpeg = SAMPLE.read_bytes()
    grey = np.asarray(Image.fromarray(read_grey(jpeg)).resize((WIDTH, HEIGHT)))
    small = as_dicom(SAMPLE)
    with tempfile.TemporaryDirectory() as folder:

        def seconds(name: str, body: bytes, number: int) -> float:
            film = Path(folder) / f"{name} {number}"
            film.write_bytes(body)
            screening = observer.screen(film, "PNEUMONIA", PATIENCE, dicom=False)
            if screening.record_seconds is None:
                raise RuntimeError(f"A film had no record within {PATIENCE:.0f} s.")
            return screening.record_seconds

        first = []
        for number in range(STARTS):
            say(f"DICOM: start {number + 1} of {STARTS}")
            if number:
                _restart_functions(running, number)
            first.append(seconds("first", small, number))
        name = f"first film after a start, {len(small) / 1e6:.1f} MB"
        rows = [
            Row(SECTION, f"{name}, functions never run", "s", first[0], at_most=FIRST_SECONDS),
            compare(
                SECTION, f"{name}, functions started anew", "s", first[1:], at_most=FIRST_SECONDS
            ),
        ]
        others = {
            "DICOM, uncompressed": small,
            "DICOM, uncompressed and large": dicom(grey),
            "DICOM, JPEG lossless and large": dicom(grey, JPEGLosslessSV1),
            "JPEG": jpeg,
        }
        for name, body in others.items():
            say(name)
            taken = [seconds(name, body, number) for number in range(FILMS)]
            size = f"{len(body) / 1e6:.1f} MB"
            rows.append(
                Row(SECTION, f"{name}, {size}, p50 of {FILMS}", "s", statistics.median(taken))
            )
    return rows


def _restart_functions(running: stack.Stack, number: int) -> None:
    """Restart both functions: a new memory size ends their processes."""
    functions = running.client("lambda")
    for output in ("ClassifyFunctionName", "RenderFunctionName"):
        functions.update_function_configuration(  # type: ignore[attr-defined]
            FunctionName=running.outputs[output], MemorySize=2048 + number
        )


def main() -> None:
    console = Console(highlight=False, width=140)
    with (
        tempfile.TemporaryDirectory() as folder,
        stack.running(stack.Settings(Path(folder) / "stack"), console.print) as running,
    ):
        console.print(report.table(measure(running, console.print)))


if __name__ == "__main__":
    main()
