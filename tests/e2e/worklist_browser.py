"""The worklist in a real browser, as its readers see it."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from cxr_alert.local import readers
from cxr_alert.local.stack import Stack

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route, ViewportSize

TABLET: "ViewportSize" = {"width": 820, "height": 1180}
DESK: "ViewportSize" = {"width": 1440, "height": 900}
PATIENCE_MS = 120_000  # long, since the machine is busy with other work
PHONE: "ViewportSize" = {"width": 390, "height": 844}


@contextmanager
def browser() -> "Iterator[Browser]":
    """Debian's Chromium, if possible without a window's parts; without any, the test is skipped."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed: apt-get install chromium-headless-shell.")
    with playwright.sync_playwright() as player:
        # Its sandbox can't run in containers; it visits only the stack.
        opened = player.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


class Connection:
    """A page's connection to the worklist's API, which a test can cut.

    Make it before the page is opened: no request can then pass while a cut takes effect.
    """

    def __init__(self, page: "Page") -> None:
        self.is_cut = False
        page.route("**/api/**", self._pass)

    def _pass(self, route: "Route") -> None:
        if self.is_cut:
            route.abort()
        else:
            route.continue_()


def log_in(page: "Page", stack: Stack, name: str, *groups: str, at: str = "") -> None:
    """Go to an address of the worklist and log in on the way."""
    page.set_default_timeout(PATIENCE_MS)
    password = readers.password(stack, name, groups)
    page.goto(f"{stack.outputs['WorklistUrl']}/{at}")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", password)
    page.click("[type=submit]")
    page.locator("#who", has_text=name).wait_for()


def open_list(
    page: "Page",
    stack: Stack,
    text: str,
    films: int,
    *,
    name: str = "reader",
    size: "ViewportSize" = DESK,
) -> None:
    """Log in as a reader, and search the list for films whose name or study holds a text."""
    page.set_viewport_size(size)
    log_in(page, stack, name, "readers")
    search(page, text, films)


def open_film(
    page: "Page", stack: Stack, film: str, title: str, size: "ViewportSize" = DESK
) -> None:
    """Log in as a reader by the link to a film, and wait for its title."""
    page.set_viewport_size(size)
    log_in(page, stack, "reader", "readers", at=f"#film/{film}")
    page.get_by_role("heading", name=title).wait_for()


def search(page: "Page", text: str, films: int) -> None:
    """Search the list, and leave the field, so that keys are commands again."""
    page.get_by_label("Name, accession number or study contains").fill(text)
    wait_for_count(page, "1 film" if films == 1 else f"{films} films")
    page.keyboard.press("Escape")


def wait_for_count(page: "Page", said: str) -> None:
    """Wait until the list shows that number of films; if it does not, fail with what it shows."""
    from playwright.sync_api import TimeoutError as TooLate

    status = page.locator("#count")
    try:
        status.filter(has_text=re.compile(f"^{said}$")).wait_for()
    except TooLate:
        problem = page.locator("#problem").inner_text()
        pytest.fail(f"Not {said} but {status.inner_text()!r}, and the problem {problem!r}.")
