"""From the drop to the alert, for DICOM films of 15 MB and for a JPEG, in the local application.

python -m benchmarks.dicom_flow
"""

import statistics
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.uid import JPEGLosslessSV1
from rich.console import Console

from benchmarks.dicom import HEIGHT, SAMPLE, WIDTH
from cxr_alert.local import stack
from cxr_alert.local.demo import PATIENCE, Observer
from imaging.readers import read_grey
from testbed.dicom_films import dicom

RUNS = 10


def main() -> None:
    console = Console(highlight=False)
    jpeg = SAMPLE.read_bytes()
    grey = np.asarray(Image.fromarray(read_grey(jpeg)).resize((WIDTH, HEIGHT)))
    films = {
        "JPEG": jpeg,
        "uncompressed DICOM": dicom(grey),
        "DICOM, JPEG lossless": dicom(grey, JPEGLosslessSV1),
    }
    with (
        tempfile.TemporaryDirectory() as folder,
        stack.running(stack.Settings(Path(folder) / "stack")) as running,
    ):
        observer = Observer(running)
        for name, body in films.items():
            seconds = []
            for number in range(RUNS + 2):  # the first two start the functions' processes
                film = Path(folder) / f"{name} {number}"
                film.write_bytes(body)
                screening = observer.screen(film, "PNEUMONIA", PATIENCE, dicom=False)
                seconds.append(screening.seconds or PATIENCE)
            size = len(body) / 1024**2
            median = statistics.median(seconds[2:])
            console.print(f"{name}, {size:.1f} MB: {median:.2f} s at the median of {RUNS}")


if __name__ == "__main__":
    main()
