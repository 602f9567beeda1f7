"""The worklist in a real browser, as its readers see it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from cxr_alert.local import readers
from cxr_alert.local.stack import Stack

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

TABLET: "ViewportSize" = {"width": 820, "height": 1180}
DESK: "ViewportSize" = {"width": 1440, "height": 900}
PATIENCE_MS = 120_000  # long, since the machine is busy with other work
PHONE: "ViewportSize" = {"width": 390, "height": 844}


@contextmanager
def browser() -> "Iterator[Browser]":
    """Debian's Chromium; the test is skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed: apt-get install chromium.")
    with playwright.sync_playwright() as player:
        # Its sandbox can't run in containers; it visits only the stack.
        opened = player.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


def log_in(page: "Page", stack: Stack, name: str, *groups: str, at: str = "") -> None:
    """Go to an address of the worklist and log in on the way."""
    page.set_default_timeout(PATIENCE_MS)
    password = readers.password(stack, name, groups)
    page.goto(f"{stack.outputs['WorklistUrl']}/{at}")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", password)
    page.click("[type=submit]")
    page.locator("#who", has_text=name).wait_for()
