"""Time from the bytes of a DICOM file to its rendition, compared with common libraries.

    python -m benchmarks.dicom

The same film of 3000 x 2500 pixels in each syntax, for this project's reader and for pydicom with
the decoders of pylibjpeg and of GDCM, in turn in one run. Contestants do the same work: decode,
modality and VOI LUT, polarity, 8 bits, a short side of 1,024, PNG. Both clocks are told, since
others may work on this machine.
"""

import io
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from rich.console import Console
from rich.table import Table

from imaging.readers import read_grey
from imaging.rendition import SHORT_SIDE, render
from testbed.dicom_films import dicom

RUNS = 7
WIDTH, HEIGHT = 2500, 3000
SYNTAXES = (
    ExplicitVRLittleEndian,
    RLELossless,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEG2000Lossless,
)
SAMPLE = Path(__file__).parents[1] / "samples" / "PNEUMONIA" / "person1011_bacteria_2942.jpeg"


def ours(data: bytes) -> bytes:
    return render(data).png


def with_pydicom(plugin: str) -> Callable[[bytes], bytes]:
    def rendition(data: bytes) -> bytes:
        dataset = pydicom.dcmread(io.BytesIO(data))
        if dataset.file_meta.TransferSyntaxUID.is_compressed:
            dataset.pixel_array_options(decoding_plugin=plugin)
        shown = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset)
        low, high = shown.min(), shown.max()
        grey = ((shown - low) * (255 / max(high - low, 1))).astype(np.uint8)
        if dataset.PhotometricInterpretation == "MONOCHROME1":
            grey = 255 - grey
        image = Image.fromarray(grey)
        scale = SHORT_SIDE / min(image.size)
        size = (round(image.width * scale), round(image.height * scale))
        file = io.BytesIO()
        image.resize(size, Image.Resampling.BILINEAR).save(file, "PNG", compress_level=1)
        return file.getvalue()

    return rendition


CONTESTANTS: Mapping[str, Callable[[bytes], bytes]] = {
    "this project": ours,
    "pydicom, pylibjpeg": with_pydicom("pylibjpeg"),
    "pydicom, GDCM": with_pydicom("gdcm"),
}


def main() -> None:
    grey = Image.fromarray(read_grey(SAMPLE.read_bytes())).resize((WIDTH, HEIGHT))
    table = Table("syntax", title=f"{WIDTH} x {HEIGHT}, 12 bits: median of {RUNS}, ms (CPU ms)")
    for name in CONTESTANTS:
        table.add_column(name, justify="right")
    for syntax in SYNTAXES:
        data = dicom(np.asarray(grey), syntax, monochrome1=True)
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in CONTESTANTS}
        failed: set[str] = set()
        for _ in range(RUNS + 1):
            for name, contestant in CONTESTANTS.items():
                wall, cpu = time.perf_counter(), time.process_time()
                try:
                    contestant(data)
                except (RuntimeError, NotImplementedError, ImportError, ValueError):
                    failed.add(name)
                taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
        cells = [
            "can't" if name in failed else _median(taken[name][1:])  # the first one warms up
            for name in CONTESTANTS
        ]
        table.add_row(syntax.name, *cells)
    Console(width=140).print(table)


def _median(pairs: list[tuple[float, float]]) -> str:
    wall, cpu = (1000 * statistics.median(column) for column in zip(*pairs, strict=True))
    return f"{wall:.0f} ({cpu:.0f})"


if __name__ == "__main__":
    main()
