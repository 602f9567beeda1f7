"""`make fuzzdicom`: broken DICOM files against the sandbox that `render` decodes them in.

    python -m tests.faults.fuzz_dicom --inputs 50000

Small films in every syntax are mutated: their bytes anywhere, the tags inside a deflated file, the
numbers that tell sizes, sequences nested beyond reason. Each has to end as a rendition or a
refusal; the supervisor has to live on, workers have to keep to their memory and time, and none may
be left.
"""

import argparse
import random
import resource
import sys
import time
import zlib
from collections import Counter
from collections.abc import Sequence

import psutil
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian
from rich.console import Console
from rich.progress import Progress

from imaging.sandbox import Limits, RefusedInSandbox, Sandbox, SandboxBroke
from testbed.dicom_films import SYNTAXES, dicom, film
from tests.faults.fuzz import mutated

LIMITS = Limits(memory_bytes=512 * 1024 * 1024, seconds=10)
_LOOK_EVERY = 250
_NUMBERS = ("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "NumberOfFrames")
_ODD_NUMBERS = (0, 1, 7, 12, 15, 16, 17, 31, 32, 33, 47, 48, 49, 64, 255, 256, 4095, 65535)
_DEEPEST = 3000


def seeds() -> list[bytes]:
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [4096, 0, 12])
    table.add_new("LUTData", "US", list(range(4096)))
    made = [dicom(film(), syntax, monochrome1=odd) for syntax in SYNTAXES for odd in (False, True)]
    made += [
        dicom(film(), tags={"VOILUTSequence": [table]}),
        dicom(film(), tags={"ModalityLUTSequence": [table]}),
        dicom(film(), tags={"PixelAspectRatio": [2, 1], "PixelPaddingValue": 0}),
        dicom(film())[132:],
    ]
    return made


def broken(originals: Sequence[bytes], chance: random.Random) -> bytes:
    """Return one of the films, mutated in one of the ways in the module's docstring."""
    match chance.randrange(8):
        case 0:
            number = chance.choice(_NUMBERS)
            value = chance.choice(_ODD_NUMBERS)
            return dicom(film(), chance.choice(SYNTAXES), tags={number: value})
        case 1:
            return _nested(chance)
        case 2:
            return _deflated(chance)
        case _:
            return mutated(chance.choice(originals), chance)


def _start(data: bytes) -> int:
    return 144 + int.from_bytes(data[140:144], "little")


def _nested(chance: random.Random) -> bytes:
    data = dicom(film())
    item = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    end = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    depth = chance.randrange(1, _DEEPEST)
    closed = chance.choice((0, depth // 2, depth))
    return data[: _start(data)] + item * depth + end * closed + data[_start(data) :]


def _deflated(chance: random.Random) -> bytes:
    data = dicom(film(), DeflatedExplicitVRLittleEndian)
    start = _start(data)
    inside = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[start:])
    inside = mutated(inside, chance)
    if chance.random() < 0.02:
        inside += bytes(chance.choice((10**6, 10**8, 3 * 10**8)))
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    return data[:start] + packer.compress(inside) + packer.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description="Broken DICOM files against the decoding sandbox.")
    parser.add_argument("--inputs", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    console = Console(highlight=False)
    chance = random.Random(options.seed)  # noqa: S311 - a draw to repeat
    originals = seeds()
    counts: Counter[str] = Counter()
    longest, left, sandbox = 0.0, 0, Sandbox(LIMITS)
    with Progress(console=console) as progress:
        for number in progress.track(range(options.inputs), description="Mutated DICOM files"):
            data = broken(originals, chance)
            started = time.monotonic()
            try:
                sandbox.render(data)
                counts["rendered"] += 1
            except RefusedInSandbox as refusal:
                counts[f"refused: {refusal.code or 'size'}"] += 1
            except SandboxBroke:
                counts["BROKE THE SUPERVISOR"] += 1
            longest = max(longest, time.monotonic() - started)
            if number % _LOOK_EVERY == 0:
                left += sum(
                    len(supervisor.children()) for supervisor in psutil.Process().children()
                )
    sandbox.close()
    left += len(psutil.Process().children())
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    for name, count in counts.most_common():
        console.print(f"{count:8,}  {name}")
    console.print(
        f"{options.inputs:,} files; the longest took {longest:.1f} s of {LIMITS.seconds:.0f}; "
        f"the largest process had {peak:.0f} MB; {left} workers were left."
    )
    return 1 if counts["BROKE THE SUPERVISOR"] or left else 0


if __name__ == "__main__":
    sys.exit(main())
