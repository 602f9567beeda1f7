"""`python -m tests.e2e.pictures`: the pictures in docs/worklist.md, from the real page."""

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cxr_alert.local import demo, stack
from cxr_alert.local.processes import ROOT
from imaging.readers import read_grey
from testbed.dicom_films import dicom
from testbed.worklist_api import log_in as api_log_in
from tests.e2e.application import POSITIVE, Application
from tests.e2e.test_worklist_api import hide, listed, review
from tests.e2e.worklist_browser import DESK, PHONE, TABLET, browser, log_in

if TYPE_CHECKING:
    from playwright.sync_api import Page

FIGURES = ROOT / "docs" / "figures"
DROPPED = 14
DRAWN = 3


def main() -> int:
    """Start the application, drop samples, have them partly reviewed, and take the pictures."""
    with tempfile.TemporaryDirectory() as folder:
        settings = stack.Settings(Path(folder), worklist={"SampleShare": "0"})
        with stack.running(settings, print) as running, browser() as chromium:
            _fill(Application(running))
            page = chromium.new_page(viewport=DESK)
            log_in(page, running, "dr-lee", "readers", "administrators")
            _list(page)
            _film(page)
            _performance(page)
    return 0


def _fill(application: Application) -> None:
    lee = api_log_in(application.stack, "dr-lee", "readers", "administrators")
    roe = api_log_in(application.stack, "dr-roe", "readers")
    films = []
    for film, label in demo.films(ROOT / "samples")[:DROPPED]:
        films.append((listed(application, lee, film.name, film.read_bytes()), label))
    for label, drawn in (("NORMAL", DRAWN), ("PNEUMONIA", 1)):
        for name, _ in [each for each in films if each[1] == label][:drawn]:
            hide(application, name)
            review(roe, name, label)
    for name, label in films[-4:]:
        review(lee, name, label)
        review(roe, name, label)
    listed(application, lee, "letter.txt", b"Dear radiologist")
    grey = read_grey(POSITIVE)
    for view in ("PA", "LL"):
        tags = {"ViewPosition": view, "AccessionNumber": "4711-0815", "PatientAge": "009Y"}
        listed(application, lee, f"ward 3/{view.lower()}.dcm", dicom(grey, tags=tags))


def _list(page: "Page") -> None:
    page.locator("#rows tr").nth(5).wait_for()
    _take(page, "worklist-list")
    page.locator("#look").select_option("dark")
    page.get_by_label("Show").select_option("all")
    page.locator("#rows tr").nth(10).wait_for()
    page.set_viewport_size(TABLET)
    _take(page, "worklist-list-tablet")
    page.get_by_label("Show").select_option("to-review")
    page.locator("#look").select_option("light")


def _film(page: "Page") -> None:
    page.set_viewport_size(DESK)
    page.get_by_role("link", name="ward 3/pa.dcm").click()
    _wait_for_film(page)
    _take(page, "worklist-film")
    page.locator("#look").select_option("dark")
    page.set_viewport_size(TABLET)
    _take(page, "worklist-film-tablet")
    page.locator("#look").select_option("contrast")
    page.set_viewport_size(PHONE)
    _take(page, "worklist-film-phone", whole=True)
    page.locator("#look").select_option("light")
    page.set_viewport_size(DESK)


def _performance(page: "Page") -> None:
    page.get_by_role("link", name="Performance").click()
    page.get_by_role("heading", name="By model").wait_for()
    _take(page, "worklist-performance")


def _wait_for_film(page: "Page") -> None:
    page.get_by_role("button", name="Confirm").wait_for()
    page.locator("#picture").wait_for()
    page.wait_for_load_state("networkidle")


def _take(page: "Page", name: str, *, whole: bool = False) -> None:
    page.screenshot(path=FIGURES / f"{name}.png", full_page=whole, animations="disabled")


if __name__ == "__main__":
    sys.exit(main())
