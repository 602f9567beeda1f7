"""`make rate`: the throughput and the delay of `send` with Orthanc.

    python -m tests.faults.rate --results 1000

Queue, table and films are moto's, in a process of their own; moto, Orthanc and `send` share the
machine.
"""

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from screening.record import Record
from tests import hospital
from tests.hospital import Cloud, Orthanc, orthanc, wait_until

ALONE = 20
AT_ONCE = 50  # messages told together
PATIENCE = 600.0


@contextlib.contextmanager
def sending(cloud: Cloud, folder: Path, destination: str) -> Iterator[None]:
    """Run `cxr-alert send` for the length of the block."""
    file = folder / "send.toml"
    file.write_text(
        f'[aws]\nqueue = "{cloud.queue}"\ndead_letters = "{cloud.dead_letters}"\n'
        f'table = "screenings"\n{destination}'
    )
    command = [sys.executable, "-m", "cxr_alert", "send", "--config", str(file)]
    with (folder / "send.log").open("wb") as log:
        process = subprocess.Popen(command, env=cloud.environment, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait()


def destinations(pacs: Orthanc) -> dict[str, str]:
    return {
        "C-STORE": f'[pacs]\nhost = "127.0.0.1"\nport = {pacs.dicom}\ntitle = "ORTHANC"\n',
        "STOW-RS": f'[dicomweb]\nurl = "{pacs.web.url}"\n',
    }


def instances(pacs: Orthanc) -> int:
    return int(pacs.ask("/statistics")["CountInstances"])


def seconds_alone(cloud: Cloud, pacs: Orthanc, record: Record) -> float:
    """Measure from the message in the queue to both instances in Orthanc, with an idle machine."""
    before = instances(pacs)
    began = time.monotonic()
    cloud.tell(record)
    while instances(pacs) < before + 2:
        assert time.monotonic() < began + PATIENCE, "It did not arrive."
        time.sleep(0.01)
    return time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.rate", description=__doc__)
    parser.add_argument("--results", type=int, default=1000)
    count = parser.parse_args().results
    console = Console(soft_wrap=True)
    console.print("| by | results | seconds | a second | one alone, median | at most |")
    console.print("| --- | --- | --- | --- | --- | --- |")
    for name in ("C-STORE", "STOW-RS"):
        with (
            pytest.MonkeyPatch.context() as patch,
            hospital.cloud(patch) as cloud,
            tempfile.TemporaryDirectory() as folder,
            orthanc(Path(folder) / "orthanc") as pacs,
        ):
            records = [
                cloud.screen(number, "0.93" if number % 2 else "0.02")
                for number in range(ALONE + 1 + count)
            ]
            with sending(cloud, Path(folder), destinations(pacs)[name]):
                seconds_alone(cloud, pacs, records[ALONE])  # until it is started
                alone = [seconds_alone(cloud, pacs, each) for each in records[:ALONE]]
            before, rest = instances(pacs), records[ALONE + 1 :]
            with sending(cloud, Path(folder), destinations(pacs)[name]):
                cloud.tell(*rest[:AT_ONCE])
                wait_until(lambda: instances(pacs) > before, PATIENCE)  # noqa: B023
                began = time.monotonic()
                for start in range(AT_ONCE, count, AT_ONCE):
                    # moto looks at every message of a queue for each call, so few wait at a time.
                    arrived = before + 2 * (start - AT_ONCE)
                    wait_until(lambda: instances(pacs) >= arrived, PATIENCE)  # noqa: B023
                    cloud.tell(*rest[start : start + AT_ONCE])
                wait_until(lambda: instances(pacs) >= before + 2 * count, PATIENCE)  # noqa: B023
                took = time.monotonic() - began
                wait_until(lambda: cloud.waiting() == 0, PATIENCE)
            assert instances(pacs) == before + 2 * count
            console.print(
                f"| {name} | {count} | {took:.0f} | {count / took:.0f} "
                f"| {statistics.median(alone):.2f} s | {max(alone):.2f} s |"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
