"""`make soak`: thousands of uploads under random faults, and then the account of all of them.

python -m tests.faults.soak --uploads 2000
"""

import argparse
import contextlib
import io
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
from PIL import Image, ImageEnhance
from rich.console import Console
from rich.progress import Progress

from cxr_alert.local import container, watch
from cxr_alert.local.dicom_samples import as_dicom
from cxr_alert.operate.redrive import redrive
from tests.e2e.application import FILMS_WAY, SAMPLES
from tests.faults.broken_cloud import BrokenCloud, running
from tests.faults.faults import FAULTS, REJECTED, Fault, hang_up
from tests.faults.ledger import DEAD_LETTERS, Audit
from tests.faults.throttle import Throttle

ODD_KEYS = ("two  spaces", "plus+and%2B", "Müller, Jörg", "100%", "quote'\"<&>", "胸部", "a/b//c")
REJECTS = (b"", b"Dear radiologist", b"%PDF-1.7", b"\xff\xd8\xff\xe0 cut off", b"\x89PNG\r\n\x1a\n")
# What says that a film is no film rejects it for good, as it should; that would prove nothing here.
RANDOM_FAULTS = [fault for fault in FAULTS if not fault.slow and fault.expected != REJECTED]
FAULT_SECONDS = 0.5, 2.0
QUIET_SECONDS = 0.5, 2.0
KILL_EVERY_SECONDS = 20.0
RULE_OFF_SHARE = 0.1  # of the uploads lose their event
OUTAGE_SECONDS = 30.0  # an hour, as short as the waits are here
FAULTY_SECONDS = 30.0
AT_ONCE = 2  # what the endpoint takes, in the end


class Films:
    """Return bodies to upload: three in four a real film, some in DICOM, the rest other files."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._films = sorted(SAMPLES.glob("*/*.jpeg"))

    def film(self, number: int) -> tuple[str, bytes]:
        """Return key and body of the upload with that number, always the same."""
        chance = random.Random(self._seed * 1_000_000 + number)  # noqa: S311 - not secret
        return self._key(number, chance), self._body(chance)

    def _body(self, chance: random.Random) -> bytes:
        if chance.random() < 0.25:
            return chance.choice(REJECTS)
        film = chance.choice(self._films)
        if chance.random() < 0.1:
            return as_dicom(film)
        if chance.random() < 0.5:
            return film.read_bytes()
        small = Image.open(film).convert("L").resize((512, 400))
        altered = io.BytesIO()
        ImageEnhance.Contrast(small).enhance(chance.uniform(0.7, 1.3)).save(altered, "JPEG")
        return altered.getvalue()

    def _key(self, number: int, chance: random.Random) -> str:
        if chance.random() < 0.1:
            return f"soak/{number}/{chance.choice(ODD_KEYS)}"
        if number and chance.random() < 0.1:
            return f"soak/{chance.randrange(number)}.jpeg"  # another version of one before
        return f"soak/{number}.jpeg"


class Memory(threading.Thread):
    """Return the container's peak memory, over its restarts."""

    def __init__(self, cloud: BrokenCloud) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._cloud = cloud
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.2):
            with contextlib.suppress(psutil.Error):
                child = psutil.Process(self._cloud.stack.children[container.NAME].pid)
                self.peak = max(self.peak, child.memory_info().rss)

    def stop(self) -> None:
        self._over.set()
        self.join()


def torment(cloud: BrokenCloud, chance: random.Random, over: threading.Event) -> int:
    """Inject one fault after another into the traffic, and kill processes now and then."""
    count = 0
    with cloud.proxy.fault("InvokeEndpoint", hang_up):
        over.wait(OUTAGE_SECONDS)
    next_kill = time.monotonic() + KILL_EVERY_SECONDS
    while not over.wait(chance.uniform(*QUIET_SECONDS)):
        count += 1
        if time.monotonic() > next_kill:
            next_kill = time.monotonic() + KILL_EVERY_SECONDS
            cloud.kill_function()
            cloud.kill_function("NotifyFunctionName")
            cloud.kill_function("RenderFunctionName")
            if chance.random() < 0.5:
                cloud.kill_container()
                cloud.stack.start_container()
            continue
        fault: Fault = chance.choice(RANDOM_FAULTS)
        with cloud.proxy.fault(fault.operation, fault.act):
            over.wait(chance.uniform(*FAULT_SECONDS))
    return count


def soak(cloud: BrokenCloud, uploads: int, seed: int, console: Console) -> tuple[Audit, list[str]]:
    """Upload, inject faults, wait, redrive; return the ledger's faults and the figures."""
    chance = random.Random(seed)  # noqa: S311 - reproducible, not secret
    films = Films(seed)
    over = threading.Event()
    memory = Memory(cloud)
    memory.start()
    began = time.monotonic()
    with ThreadPoolExecutor(9) as pool, Progress(console=console) as progress:
        its_own = random.Random(seed + 1)  # noqa: S311 - reproducible, not secret
        faults = pool.submit(torment, cloud, its_own, over)
        dropping = progress.add_task("Uploads", total=uploads)
        screening = progress.add_task("Screened", total=uploads)

        def drop(numbers: range) -> None:
            for _ in pool.map(lambda number: cloud.ledger.drop(*films.film(number)), numbers):
                progress.advance(dropping)

        middle, share = uploads // 2, int(uploads * RULE_OFF_SHARE)
        drop(range(middle))
        with cloud.rule_off():
            drop(range(middle, middle + share))
        drop(range(middle + share, uploads))
        twice = chance.sample(sorted(cloud.ledger.dropped), uploads // 20)
        for film in twice:
            cloud.tell(cloud.upload(film))
        # The faults go on while films are waiting, then they end, and what is left must come right.
        _watch(
            cloud,
            lambda: progress.update(screening, completed=_done(cloud, uploads)),
            OUTAGE_SECONDS + FAULTY_SECONDS,
        )
        over.set()
        count = faults.result()
        throttle = Throttle(AT_ONCE)
        with cloud.proxy.fault("InvokeEndpoint", throttle):
            dead = _finish(
                cloud, lambda: progress.update(screening, completed=_done(cloud, uploads))
            )
            found = _find_lost(cloud)
    noticed = _lose_a_subscription(cloud)
    elapsed = time.monotonic() - began
    memory.stop()
    audit = cloud.ledger.audit()
    sent = sum(cloud.ledger.alerts.values())
    return audit, [
        f"uploads             {len(cloud.ledger.dropped)}",
        f"delivered twice     {len(twice)}",
        f"faults              {count}",
        f"dead letters        {dead} (driven back)",
        f"events lost         {found} (found by reconcile, and screened)",
        f"turned away         {throttle.turned_away} questions, by a busy endpoint",
        f"subscription gone   {'noticed' if noticed else 'NOT NOTICED'}",
        f"lost                {len(audit.lost)}",
        f"duplicated          {len(audit.invented)}",
        f"alerts sent         {sent}",
        f"alerts missing      {len(audit.alerts_missing)}",
        f"alerts unfounded    {len(audit.alerts_unfounded)}",
        f"rejects told        {len(audit.rejects)}",
        f"alerts repeated     {len(audit.alerts_repeated)}",
        f"container's memory  {memory.peak / 1e6:.0f} MB at most",
        f"throughput          {uploads / elapsed:.1f} films a second, faults included",
    ]


def _find_lost(cloud: BrokenCloud) -> int:
    """Enqueue the films with lost events; return their number."""
    ledger = cloud.ledger
    without = len(ledger.dropped - set(ledger.records()) - ledger.placeholders())
    cloud.reconcile()
    cloud.settle(600)
    return without


def _lose_a_subscription(cloud: BrokenCloud) -> bool:
    """Remove a subscription of people; return whether the hourly check reports it."""
    with watch.subscribed(cloud.stack, "gone-tomorrow", "{}", watch.FOR_PEOPLE):
        before = _people_subscribed(cloud)
    return _people_subscribed(cloud) == before - 1


def _people_subscribed(cloud: BrokenCloud) -> int:
    cloud.invoke(cloud.stack.outputs["WatchFunctionName"])
    counts = [line for line in cloud.logged("WatchFunctionName") if '"PeopleSubscribed":' in line]
    return int(json.loads(counts[-1])["PeopleSubscribed"][0])


def _done(cloud: BrokenCloud, uploads: int) -> int:
    return uploads - min(uploads, sum(map(cloud.waiting, {*FILMS_WAY, *DEAD_LETTERS})))


def _watch(cloud: BrokenCloud, show: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(map(cloud.waiting, FILMS_WAY)) and time.monotonic() < deadline:
        show()
        cloud.ledger.collect()
        time.sleep(0.5)


def _finish(cloud: BrokenCloud, show: Callable[[], object]) -> int:
    """Wait until nothing is left to screen; return how many dead letters were redriven."""
    driven_back = 0
    deadline = time.monotonic() + 1800
    while time.monotonic() < deadline:
        _watch(cloud, show, 1800)
        moved = sum(
            each.moved for source in DEAD_LETTERS for each in redrive(cloud.operator(), source)
        )
        if not moved:
            break
        driven_back += moved
    return driven_back


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--uploads", type=int, default=2000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    chosen = parser.parse_args()
    console = Console(highlight=False)
    parameters = {
        "MaximumConcurrency": "4",
        "RetrySeconds": "1",
        "DigestSeconds": "1",
    }
    with (
        tempfile.TemporaryDirectory() as state,
        running(Path(state), parameters) as cloud,
        # A killed function's messages come back after this, not after 13 minutes.
        cloud.short_lived_function(seconds=60),
        cloud.queue_attributes("PeopleQueueUrl", VisibilityTimeout="30"),
        cloud.queue_attributes("RenditionsQueueUrl", VisibilityTimeout="60"),
    ):
        audit, figures = soak(cloud, chosen.uploads, chosen.seed, console)
    for figure in figures:
        console.print(figure)
    return 0 if audit.sound and not audit.dead else 1


if __name__ == "__main__":
    sys.exit(main())
