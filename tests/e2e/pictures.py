"""`python -m tests.e2e.pictures`: the pictures of README.md and docs/worklist.md.

They show the real page and a real mail. Each has at most 256 colours: on a page of grey films that
is hardly seen, and it keeps the file below 200 kB.
"""

import html
import io
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from cxr_alert.local import demo, mail, stack
from cxr_alert.local.processes import ROOT
from imaging.readers import read_grey
from testbed.dicom_films import dicom
from testbed.worklist_api import log_in as api_log_in
from tests.e2e.application import POSITIVE, Application
from tests.e2e.test_worklist_api import hide, listed, review
from tests.e2e.worklist_browser import DESK, PHONE, TABLET, browser, log_in

if TYPE_CHECKING:
    from playwright.sync_api import Page, ViewportSize

FIGURES = ROOT / "docs" / "figures"
DROPPED = 14
DRAWN = 3
COLOURS = (256, 128, 96, 64)
MOST_BYTES = 200_000
LETTER: "ViewportSize" = {"width": 1000, "height": 450}
LIST: "ViewportSize" = {"width": 1440, "height": 640}
# Only the frame is ours; the words are those of the mail.
MAIL = "<pre style='font: 15px/1.45 monospace; padding: 12px; white-space: pre-wrap'>{}</pre>"


def main() -> int:
    """Start the application, upload samples, review some of them, and take the pictures."""
    with tempfile.TemporaryDirectory() as folder:
        parameters = {"NotificationEmail": mail.ADDRESS, "DigestSeconds": "1"}
        settings = stack.Settings(
            Path(folder), parameters=parameters, worklist={"SampleShare": "0"}
        )
        with stack.running(settings, print) as running, browser() as chromium:
            application = Application(running)
            _fill(application)
            _alert(chromium.new_page(viewport=LETTER), application)
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


def _alert(page: "Page", application: Application) -> None:
    application.settle()
    text = next(each for each in application.all_mails() if "Possible pneumonia" in each)
    page.set_content(MAIL.format(html.escape(text)))
    _keep(page.locator("pre").screenshot(), "alert")


def _list(page: "Page") -> None:
    page.locator("#rows tr").nth(5).wait_for()
    page.set_viewport_size(LIST)
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
    _keep(page.screenshot(full_page=whole, animations="disabled"), name)


def _keep(taken: bytes, name: str) -> None:
    """Save the picture as it is, or with fewer colours, or smaller, until it is small enough."""
    path = FIGURES / f"{name}.png"
    with Image.open(io.BytesIO(taken)) as opened:
        picture = opened.convert("RGB")
    while True:
        for colours in COLOURS:
            # Maximum coverage keeps the few pixels of buttons and links coloured.
            picture.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
                path, optimize=True
            )
            if path.stat().st_size <= MOST_BYTES:
                return
        picture = picture.resize((picture.width * 7 // 8, picture.height * 7 // 8))


if __name__ == "__main__":
    sys.exit(main())
