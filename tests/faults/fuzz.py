"""`make fuzz`: broken films and odd headers against the container.

    python -m tests.faults.fuzz --inputs 200000

Small files are mutated at random and sent: films that the gate takes for chest X-rays of children,
so that their mutants reach the network, and patterns in every format that is read and some that are
not. Every answer must be a success or a documented refusal, some of the answers must be a
success, and the container must live on.
"""

import argparse
import http.client
import io
import itertools
import json
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import Progress

from serving.shipped import SHIPPED_NETWORK
from tests.integration.serving_container import PATIENCE, SAGEMAKER, Container, running

DOCUMENTED = {200, 400, 408, 413, 415, 422}
MOST_MEGABYTES = 700
CAP_BYTES = 2**30  # of the container's data: past it, it would be killed
SENDERS = 4
_CHUNK = 500
_MAGIC_BYTES = 8
_SAMPLES = Path(__file__).parents[2] / "samples"
_FILMS = ("NORMAL/IM-0249-0001.jpeg", "PNEUMONIA/person1011_bacteria_2942.jpeg")
_INTERESTING = (0x00, 0x01, 0x7F, 0x80, 0xFF)


def seeds() -> list[bytes]:
    """Return small chest films, half of all, and one fixed pattern in commonly uploaded formats."""
    grey = np.random.default_rng(0).integers(0, 256, (48, 40), dtype=np.uint8)
    films = [Image.fromarray(grey), Image.fromarray(np.stack([grey] * 3, axis=-1))]
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    made = [_encoded(film, form) for film in films for form in ("JPEG", "PNG", "BMP", "GIF")]
    made += [_encoded(film, "TIFF") for film in (*films, deep)]
    made += [_encoded(deep, "PNG"), _encoded(films[0], "JPEG", progressive=True)]
    made += [b"", b"%PDF-1.7\n", bytes(128) + b"DICM\x02\x00\x00\x00UL\x04\x00"]
    chests = [_chest(name, form) for name in _FILMS for form in ("JPEG", "PNG")]
    return [*made, *itertools.islice(itertools.cycle(chests), len(made))]


def _chest(name: str, form: str) -> bytes:
    with Image.open(_SAMPLES / name) as film:
        grey = film.convert("L")
    grey.thumbnail((224, 224))
    return _encoded(grey, form)


def _encoded(film: Image.Image, form: str, **options: bool) -> bytes:
    file = io.BytesIO()
    film.save(file, form, **options)
    return file.getvalue()


def mutated(film: bytes, chance: random.Random) -> bytes:
    """Return the film with a few bytes changed, moved, doubled or removed."""
    broken = bytearray(film)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(len(broken) + 1)
        if chance.random() < 0.3:
            at = min(at, chance.randrange(64))  # where the headers are
        if chance.random() < 0.9:
            at = max(at, _MAGIC_BYTES)  # else most are refused at first sight
        match chance.randrange(6):
            case 0:
                broken[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                broken[at : at + 1] = bytes([chance.choice(_INTERESTING)])
            case 2:
                broken[at : at + 4] = chance.randbytes(4)
            case 3:
                del broken[at : at + chance.randrange(64)]
            case 4:
                broken[at:at] = broken[at : at + chance.randrange(64)]
            case _:
                del broken[at:]
    return bytes(broken)


def headers(chance: random.Random) -> dict[str, str]:
    """Return header values that a client may send, valid or not."""
    odd = "".join(chr(chance.randrange(32, 127)) for _ in range(chance.randrange(40)))
    kind = chance.choice(("image/jpeg", "image/png", "application/dicom", "text/html", odd))
    return {"Content-Type": kind, "Accept": chance.choice(("application/json", "*/*", odd))}


def fuzz(container: Container, inputs: int, seed: int) -> Iterator[Counter[int]]:
    """Send that many inputs; after each batch, yield how often each status was returned."""
    films = seeds()

    def send(first: int) -> Counter[int]:
        chance = random.Random(seed * 1_000_000_007 + first)  # noqa: S311 - not secret
        statuses: Counter[int] = Counter()
        client = http.client.HTTPConnection("127.0.0.1", container.port, timeout=PATIENCE)
        for _ in range(first, min(first + _CHUNK, inputs)):
            path = chance.choice(("/invocations", "/endpoints/cxr-alert/invocations"))
            client.request("POST", path, mutated(chance.choice(films), chance), headers(chance))
            answer = client.getresponse()
            body = answer.read()
            # For boto3, a refusal of the container comes as SageMaker wraps it.
            wrapped = answer.status == http.HTTPStatus.FAILED_DEPENDENCY
            statuses[json.loads(body)["OriginalStatusCode"] if wrapped else answer.status] += 1
        client.close()
        return statuses

    with ThreadPoolExecutor(SENDERS) as senders:
        yield from senders.map(send, range(0, inputs, _CHUNK))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=200_000, metavar="N")
    parser.add_argument("--seed", type=int, default=int(time.time()), metavar="N")
    chosen = parser.parse_args()
    console = Console(highlight=False)
    statuses: Counter[int] = Counter()
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder), "--model", SHIPPED_NETWORK, program=SAGEMAKER) as container,
        Progress(console=console) as progress,
    ):
        resource.prlimit(container.process.pid, resource.RLIMIT_DATA, (CAP_BYTES, CAP_BYTES))
        task = progress.add_task("Inputs", total=chosen.inputs)
        for chunk in fuzz(container, chosen.inputs, chosen.seed):
            statuses += chunk
            progress.advance(task, chunk.total())
        alive = container.get("/ping").status == 200
        peak = container.megabytes("VmHWM")
    console.print(f"inputs {statuses.total()}, seed {chosen.seed}")
    console.print("statuses " + ", ".join(f"{s}: {n}" for s, n in sorted(statuses.items())))
    console.print(f"alive {alive}, memory {peak} MB at most")
    sound = alive and set(statuses) <= DOCUMENTED and peak < MOST_MEGABYTES and statuses[200] > 0
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
