"""The speed of the worklist with many films: `python -m benchmarks.worklist --films 100000`.

With `--page`, a real browser measures what a reader does, from the key to what the screen shows.

The real application in the emulator, its list filled to that length. The emulator keeps its items
in a Python program's memory and compares each item of a part for every query, where DynamoDB
seeks: what is measured is rather worse than in the cloud.
"""

import argparse
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console

from cxr_alert.local import stack
from screening.clock import stamp
from screening.film_name import film_name
from screening.judgement import Answer, judge
from screening.record import AlertState, Record
from testbed.worklist_api import Api, log_in
from tests.e2e.application import POSITIVE, Application, wait_until
from tests.e2e.worklist_browser import DESK, browser
from tests.e2e.worklist_browser import log_in as page_log_in
from worklist.rules.entry import Entry, State, enter
from worklist.rules.review import Reading
from worklist.tables.worklist_table import item

CUTOFF = Decimal("0.1")
REVIEWED = 0.98  # share of reviewed films among the requested ones; those of the last days are open
BATCH, AT_ONCE, ASKED = 25, 4, 21
READ = 5  # repetitions of each action

console = Console(highlight=False, soft_wrap=True)


def films(count: int) -> Iterator[Entry]:
    """Return entries of a clinic with a film every ten minutes; most positives are reviewed."""
    random = Random(1)  # noqa: S311 - the same list each time
    began = datetime.now(UTC) - timedelta(minutes=10 * count)
    for number in range(count):
        probability = Decimal(f"{random.betavariate(0.3, 6):.6f}")
        at = began + timedelta(minutes=10 * number)
        uploaded = stamp(at)
        judgement = judge(Answer(probability, "net", None), CUTOFF, at)
        key, version = f"ward {number % 7}/film {number:06}.jpeg", f"version-{number}"
        record = Record(key, version, "b", "e", 1, uploaded, judgement, AlertState.NOT_NEEDED)
        entry = enter(record, Decimal("0.01"))
        if entry.state is State.TO_REVIEW and number < count * REVIEWED:
            entry = replace(entry, readings={"lee": Reading.NORMAL}, reviewed=uploaded)
        yield entry


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worklist", description=__doc__)
    parser.add_argument("--films", type=int, default=100_000, metavar="N")
    parser.add_argument("--page", action="store_true", help="what a reader does in a browser")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = stack.Settings(Path(folder), worklist={"SampleShare": "0"})
        with stack.running(settings) as running:
            _fill(running, chosen.films)
            api = log_in(running, "lee", "readers")
            _report("first page, to review", lambda: api.call("POST", "api/list", {}))
            _report("first page, all", lambda: api.call("POST", "api/list", {"view": "all"}))
            name = _drop(Application(running), api)
            _report("a film's facts", lambda: api.call("GET", f"api/films/{name}"))
            _report("a film's bytes", lambda: api.call("GET", f"api/films/{name}/image"))
            for view in ("to-review", "all"):
                _report(f"counts, {view}", partial(api.call, "POST", "api/counts", {"view": view}))
            if chosen.page:
                _read(running)
    return 0


def _fill(running: stack.Stack, count: int) -> None:
    table = running.outputs["WorklistTableName"]
    puts: list[Any] = [{"PutRequest": {"Item": item(entry)}} for entry in films(count)]

    def put(first: int) -> None:
        running.dynamodb.batch_write_item(RequestItems={table: puts[first : first + BATCH]})

    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(put, range(0, count, BATCH)))
    console.print(f"{count:,} films in the list, after {time.monotonic() - began:.0f} s")


def _drop(application: Application, api: Api) -> str:
    name = film_name("bench.jpeg", application.drop("bench.jpeg", POSITIVE))
    wait_until(lambda: api.call("GET", f"api/films/{name}").status == 200, "its entry", 120)
    return name


def _read(running: stack.Stack) -> None:
    """Do what a reader does, several times over; report how long each took."""
    with browser() as chromium:
        page = chromium.new_page(viewport=DESK)
        page_log_in(page, running, "lee", "readers")
        box, rows = page.locator("[name=text]"), page.locator("#rows tr")
        count = page.locator("#count")

        def list_of(view: str) -> None:
            page.get_by_label("Show").select_option(view)
            count.filter(has_text=" of ").wait_for()
            rows.nth(49).wait_for()

        def more() -> None:
            shown = rows.count()
            page.locator("#more").scroll_into_view_if_needed()
            rows.nth(shown).wait_for()

        def search(wanted: str, counted: str) -> None:
            box.fill(wanted)
            count.filter(has_text=re.compile(counted)).wait_for()

        def open_film() -> None:
            for key in ("Escape", "j", "Enter"):
                page.keyboard.press(key)
            page.locator("#picture").wait_for()
            page.get_by_role("button", name="Confirm").wait_for()

        def review() -> None:
            page.keyboard.press("3")
            page.get_by_text("Saved: unsure.").wait_for()

        def back() -> None:
            with page.expect_response("**/api/list"):
                page.keyboard.press("l")
            rows.first.wait_for()

        list_of("all")
        times: dict[str, list[float]] = {}
        for _ in range(READ):
            for what, act in (
                ("page: 50 films more", more),
                ("page: search one film", lambda: search("bench", "^1 film$")),
                ("page: open it", open_film),
                ("page: review it", review),
                ("page: back to the list", back),
                ("page: end the search", lambda: search("", " of ")),
            ):
                began = time.perf_counter()
                act()
                times.setdefault(what, []).append(time.perf_counter() - began)
        for what, seconds in times.items():
            _print(what, seconds)


def _report(what: str, ask: Callable[[], object]) -> None:
    ask()
    seconds = []
    for _ in range(ASKED):
        began = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - began)
    _print(what, seconds)


def _print(what: str, seconds: list[float]) -> None:
    middle, slowest = statistics.median(seconds) * 1000, max(seconds) * 1000
    console.print(f"{what:<22} median {middle:6.0f} ms, slowest {slowest:6.0f} ms")


if __name__ == "__main__":
    raise SystemExit(main())
