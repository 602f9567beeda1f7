"""A reader's work in a real browser, by keys only, on a desktop screen and on a phone."""

import re
from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from imaging.readers import read_grey
from testbed.dicom_films import dicom
from testbed.worklist_api import Api
from testbed.worklist_api import log_in as api_log_in
from tests.e2e.application import POSITIVE, Application, wait_until
from tests.e2e.test_worklist_api import hide, listed, other, reader, review  # noqa: F401
from tests.e2e.worklist_browser import (
    DESK,
    PHONE,
    Connection,
    log_in,
    open_film,
    open_list,
    search,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route, ViewportSize

GREY = read_grey(POSITIVE)
SIZES = pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
NOTE = "Left lower lobe, 2 cm"


def film(study: str, view: str = "AP", **tags: Any) -> bytes:
    """A DICOM film; the study's number is its accession number too."""
    uid = f"1.2.826.0.1.3680043.8.498.{int(study, 16)}"
    image = f"{uid}.{len(view)}"
    known = {"AccessionNumber": f"A&{study}", "StudyInstanceUID": uid, "SOPInstanceUID": image}
    spacing = {"PixelSpacing": [0.5, 0.5], "ImagerPixelSpacing": [0.5, 0.5]}
    return dicom(GREY, tags={"ViewPosition": view, **known, **spacing, **tags})


def study() -> str:
    return uuid4().hex[:12]


def picture_shown(page: "Page") -> None:
    page.get_by_role("img", name=re.compile("Chest X-ray")).wait_for()


def look_again(page: "Page") -> None:
    """Refresh as the page does every 20 seconds, and when it becomes visible again."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


@SIZES
def test_a_refused_film_of_an_older_child_is_found_by_its_accession_number_beside_its_study(
    application: Application,
    reader: Api,  # noqa: F811
    page: "Page",
    size: "ViewportSize",
) -> None:
    name = study()
    frontal, side = f"reader/{name}-frontal.dcm", f"reader/{name}-side.dcm"
    first = listed(application, reader, frontal, film(name, PatientAge="011Y"))
    listed(application, reader, side, film(name, "LL", PatientAge="011Y"))
    open_list(page, application.stack, f"a&{name}", films=2, size=size)
    row = page.locator("#rows tr").filter(has_text=side)
    for text in (f"A&{name}", "11 years", "LL", "not screened"):
        assert text in row.inner_text()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=side).wait_for()
    picture_shown(page)
    assert page.get_by_text(f"Accession number A&{name}").is_visible()
    assert page.get_by_text("Take care: The child is older").is_visible()
    link = page.get_by_role("link", name="Open in the PACS")
    assert link.get_attribute("href") == f"https://pacs.example/viewer?accession=A%26{name}"
    assert link.get_attribute("rel") == "noopener noreferrer"
    page.locator("#study a").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=frontal).wait_for()
    assert page.url.endswith(first)
    for engineers in ("study_uid", "AllTraffic", "SENT", "accession_number"):
        assert engineers not in page.locator("main").inner_text()


@SIZES
def test_a_new_film_appears_by_itself_and_focus_and_scroll_position_are_kept(
    application: Application,
    reader: Api,  # noqa: F811
    other: Api,  # noqa: F811
    page: "Page",
    size: "ViewportSize",
) -> None:
    name = f"reader/{study()}"
    films = [listed(application, reader, f"{name}-{number}.jpeg") for number in range(12)]
    open_list(page, application.stack, name, films=12, size=size)
    for _ in range(10):
        page.keyboard.press("j")
    focused = page.locator(":focus")
    assert focused.get_attribute("title") == f"{name}-9.jpeg"
    stood = focused.bounding_box()
    listed(application, reader, f"{name}-new.jpeg")
    assert review(other, films[0], "NORMAL").status == 200
    assert other.call("POST", f"api/films/{films[11]}/claim", {}).json() == {"by": "other"}
    look_again(page)
    page.get_by_role("link", name=f"{name}-new.jpeg").wait_for()
    assert page.get_by_role("link", name=f"{name}-0.jpeg").count() == 0
    assert focused.get_attribute("title") == f"{name}-9.jpeg"
    place = focused.bounding_box()
    assert stood
    assert place
    if page.evaluate("scrollY") > 0:
        assert abs(place["y"] - stood["y"]) < 2
    last = page.locator("#rows tr").filter(has_text=f"{name}-11.jpeg")
    assert "being read by other" in last.inner_text()
    assert "The last film came" in page.locator("#news").inner_text()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=f"{name}-9.jpeg").wait_for()
    page.keyboard.press("p")
    page.get_by_role("heading", name=f"{name}-8.jpeg").wait_for()
    page.keyboard.press("l")
    page.locator("#rows a:focus").wait_for()
    assert page.locator("#rows a:focus").get_attribute("title") == f"{name}-8.jpeg"


def test_the_list_says_how_many_films_it_holds(
    application: Application,
    reader: Api,  # noqa: F811
    page: "Page",
) -> None:
    listed(application, reader, f"reader/{study()}.jpeg")
    log_in(page, application.stack, "reader", "readers")
    total = reader.call("POST", "api/counts", {}).json()["total"]
    shown = page.locator("#count").filter(has_text=re.compile(rf"^(1 to 50 of )?{total} films?$"))
    shown.wait_for()


@SIZES
def test_two_readers_who_start_at_once_get_different_films(
    application: Application,
    reader: Api,  # noqa: F811
    chromium: "Browser",
    page: "Page",
    size: "ViewportSize",
) -> None:
    name = f"reader/{study()}"
    for number in range(2):
        listed(application, reader, f"{name}-{number}.jpeg")
    second = chromium.new_context().new_page()
    titles = set()
    for each, who in ((page, "reader"), (second, "other")):
        open_list(each, application.stack, name, films=2, name=who, size=size)
    for each in (page, second):
        each.keyboard.press("n")
        each.locator("#film-title").filter(has_text=name).wait_for()
        titles.add(each.locator("#film-title").inner_text())
    assert len(titles) == 2
    second.context.close()


@SIZES
def test_a_third_reader_decides_a_dispute(
    application: Application,
    reader: Api,  # noqa: F811
    other: Api,  # noqa: F811
    page: "Page",
    size: "ViewportSize",
) -> None:
    name = f"reader/{study()}.jpeg"
    disputed = listed(application, reader, name)
    third = api_log_in(application.stack, "third", "readers")
    assert review(third, disputed, "PNEUMONIA").status == 200
    assert review(other, disputed, "NORMAL").status == 200
    page.set_viewport_size(size)
    log_in(page, application.stack, "reader", "readers")
    page.get_by_label("Show").select_option("disputed")
    search(page, name, films=1)
    assert "disputed: confirmed, overruled (2 readers)" in page.locator("#rows").inner_text()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.get_by_text("Readers differ: your reading decides.").wait_for()
    page.keyboard.press("2")
    page.get_by_text("Saved: no pneumonia.").wait_for()
    assert reader.call("GET", f"api/films/{disputed}").json()["state"] == "reviewed"


def write_note(page: "Page") -> None:
    page.keyboard.press("m")
    page.keyboard.type(NOTE)
    page.keyboard.press("Escape")


def note(page: "Page") -> str:
    return page.get_by_label("Note").input_value()


@SIZES
def test_a_note_survives_the_next_film_and_a_session_that_ends(
    application: Application,
    reader: Api,  # noqa: F811
    page: "Page",
    size: "ViewportSize",
) -> None:
    name = f"reader/{study()}"
    first = listed(application, reader, f"{name}-0.jpeg")
    listed(application, reader, f"{name}-1.jpeg")
    open_list(page, application.stack, name, films=2, size=size)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=f"{name}-0.jpeg").wait_for()
    write_note(page)
    page.keyboard.press("n")
    page.get_by_role("heading", name=f"{name}-1.jpeg").wait_for()
    assert note(page) == ""
    page.keyboard.press("p")
    page.get_by_role("heading", name=f"{name}-0.jpeg").wait_for()
    assert note(page) == NOTE
    gone = '{"access": "gone", "refresh": "gone", "until": 9e15}'
    page.evaluate("gone => sessionStorage.setItem('tokens', gone)", gone)
    page.keyboard.press("1")
    log_in_again(page, application)
    page.get_by_role("status").filter(has_text="Your session had ended").wait_for()
    page.get_by_role("heading", name=f"{name}-0.jpeg").wait_for()
    assert note(page) == NOTE
    page.get_by_role("button", name="Confirm").wait_for()
    page.keyboard.press("1")
    page.get_by_text("Saved: pneumonia.").wait_for()
    said = reader.call("GET", f"api/films/{first}").json()["reviews"]
    assert [each["note"] for each in said] == [NOTE]
    assert NOTE not in page.evaluate("JSON.stringify({...sessionStorage})")


def log_in_again(page: "Page", application: Application) -> None:
    from cxr_alert.local import readers

    page.fill("input[name=username]", "reader")
    page.fill("input[name=password]", readers.password(application.stack, "reader", ("readers",)))
    page.click("[type=submit]")


@SIZES
def test_an_idle_logout_says_why_and_keeps_the_note_for_its_reader(
    application: Application,
    reader: Api,  # noqa: F811
    page: "Page",
    size: "ViewportSize",
) -> None:
    name = f"reader/{study()}.jpeg"
    idle = listed(application, reader, name)
    page.clock.install()
    open_film(page, application.stack, idle, name, size)
    write_note(page)
    page.clock.fast_forward("31:00")
    said = page.get_by_role("alert").filter(has_text="after 30 minutes without a key or a click")
    said.wait_for()
    assert "tokens" not in page.evaluate("Object.keys(sessionStorage)")
    assert page.locator(":focus").inner_text() == "Log in again"
    page.keyboard.press("Enter")
    log_in_again(page, application)
    page.get_by_role("heading", name=name).wait_for()
    assert note(page) == NOTE


@SIZES
def test_an_outage_is_one_sentence_that_clears_itself_and_the_review_is_stored_once(
    application: Application,
    reader: Api,  # noqa: F811
    page: "Page",
    size: "ViewportSize",
) -> None:
    name = f"reader/{study()}.jpeg"
    out = listed(application, reader, name)
    connection = Connection(page)
    open_film(page, application.stack, out, name, size)
    page.get_by_role("button", name="Confirm").wait_for()
    write_note(page)
    connection.is_cut = True
    page.keyboard.press("1")
    sentence = page.get_by_role("alert").filter(has_text="The worklist does not answer.")
    sentence.wait_for()
    assert page.get_by_role("button", name="Try again").is_visible()
    assert "Failed to fetch" not in page.locator("body").inner_text()
    assert note(page) == NOTE
    connection.is_cut = False
    page.get_by_text("Saved: pneumonia.").wait_for()
    assert sentence.count() == 0
    assert not page.get_by_role("button", name="Try again").is_visible()
    said = reader.call("GET", f"api/films/{out}").json()["reviews"]
    assert [each["note"] for each in said] == [NOTE]


def test_a_review_sent_in_an_outage_is_stored_even_if_its_reader_opens_another_film(
    application: Application,
    reader: Api,  # noqa: F811
    page: "Page",
) -> None:
    name = f"reader/{study()}.jpeg"
    out = listed(application, reader, name)
    connection = Connection(page)
    open_film(page, application.stack, out, name)
    page.get_by_role("button", name="Confirm").wait_for()
    connection.is_cut = True
    page.keyboard.press("1")
    page.get_by_role("button", name="Try again").wait_for()
    page.keyboard.press("l")
    page.get_by_role("heading", name="Films").wait_for()
    connection.is_cut = False
    page.get_by_role("button", name="Try again").wait_for(state="hidden")
    said = reader.call("GET", f"api/films/{out}").json()["reviews"]
    assert [each["reading"] for each in said] == ["PNEUMONIA"]


@SIZES
def test_facts_and_finding_are_shown_while_a_large_film_loads(
    application: Application,
    reader: Api,  # noqa: F811
    page: "Page",
    size: "ViewportSize",
) -> None:
    name = f"reader/{study()}.jpeg"
    large = listed(application, reader, name, POSITIVE + bytes(5 * 1024 * 1024))
    held: list[Route] = []
    last = re.compile(r"bytes=[1-9]")

    def hold(route: "Route") -> None:
        if last.match(route.request.headers["range"]):
            held.append(route)
        else:
            route.continue_()

    page.route("**/image", hold)
    open_film(page, application.stack, large, name, size)
    page.get_by_text("Probability").wait_for()
    bar = page.get_by_role("progressbar", name="Loading the film")
    bar.wait_for()
    wait_for(page, lambda: bool(held) and 0.5 < float(bar.get_attribute("value") or 0) < 1)
    held.pop().continue_()
    picture_shown(page)
    bar.wait_for(state="hidden")


def wait_for(page: "Page", found: Callable[[], bool]) -> None:
    def looked() -> bool:
        page.wait_for_timeout(0)
        return found()

    wait_until(looked, "what the page should show", 60)


def middle_of(page: "Page") -> tuple[float, float]:
    box = page.locator("#stage").bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def under(page: "Page", x: float, y: float) -> tuple[float, float]:
    """Return the point of the film that lies under a point of the window."""
    box = page.locator("#stage").bounding_box()
    assert box
    left, top, scale = page.locator("#picture").evaluate(
        "each => { const m = new DOMMatrix(each.style.transform); return [m.e, m.f, m.a]; }"
    )
    return (x - box["x"] - left) / scale, (y - box["y"] - top) / scale


@SIZES
def test_a_dicom_film_is_windowed_in_its_full_depth_and_measured(
    application: Application,
    reader: Api,  # noqa: F811
    page: "Page",
    size: "ViewportSize",
) -> None:
    name = study()
    key = f"reader/{name}.dcm"
    open_film(page, application.stack, listed(application, reader, key, film(name)), key, size)
    picture_shown(page)
    values = page.locator("#window-values")

    def window() -> tuple[int, int]:
        centre, width = re.findall(r"(?:centre|width) (-?\d+)", values.inner_text())
        return int(centre), int(width)

    def greys() -> int:
        found: int = page.evaluate(
            """() => {
              const canvas = document.getElementById('picture');
              const {width, height} = canvas;
              const {data} = canvas.getContext('2d').getImageData(0, 0, width, height);
              return new Set(data.filter((_, at) => at % 4 === 0)).size;
            }"""
        )
        return found

    own = window()
    assert own[1] > 1000, "more than 8 bits"
    wait_for(page, lambda: greys() > 50)
    page.keyboard.press("v")
    page.keyboard.press("v")
    presets = page.get_by_role("combobox", name="Window")
    assert presets.input_value() == "lungs"
    assert window() != own
    page.keyboard.press("r")
    assert window() == own
    x, y = middle_of(page)
    page.mouse.move(x, y)
    page.mouse.down(button="right")
    page.mouse.move(x + 60, y - 20)
    page.mouse.up(button="right")
    assert window()[1] > own[1]
    assert presets.input_value() == "hand"
    page.keyboard.press("g")
    page.keyboard.press("b")
    x, y = middle_of(page)
    page.mouse.move(x - 30, y + 40)
    before = under(page, x - 30, y + 40)
    page.mouse.wheel(0, -400)
    assert under(page, x - 30, y + 40) == pytest.approx(before, abs=2)
    page.keyboard.press("z")
    assert "zoom 100 %" in values.inner_text()
    page.keyboard.press("u")
    assert page.locator("#loupe").is_visible()
    page.keyboard.press("u")
    page.keyboard.press("d")
    measured = page.locator("#measure")
    assert measured.inner_text() == f"{GREY.shape[1] / 3 * 0.5:.1f} mm at the detector"
    page.locator("#stage").focus()
    page.keyboard.press("ArrowRight")
    assert measured.inner_text() == f"{(GREY.shape[1] / 3 + 8) * 0.5:.1f} mm at the detector"


@SIZES
def test_a_reader_declares_by_a_key_that_the_hidden_score_is_known(
    application: Application,
    reader: Api,  # noqa: F811
    page: "Page",
    size: "ViewportSize",
) -> None:
    name = f"reader/{study()}.jpeg"
    hidden = listed(application, reader, name)
    hide(application, hidden)
    open_film(page, application.stack, hidden, name, size)
    page.get_by_text("Please read this film without its score").wait_for()
    page.keyboard.press("s")
    assert page.get_by_label("I have seen its score elsewhere").is_checked()
    page.keyboard.press("1")
    page.get_by_text("Saved: pneumonia.").wait_for()
    said = reader.call("GET", f"api/films/{hidden}").json()["reviews"]
    assert [each["scoreSeen"] for each in said] == [True]


def test_a_long_name_is_shortened_in_the_middle_and_read_out_in_full(
    application: Application,
    reader: Api,  # noqa: F811
    page: "Page",
) -> None:
    name = f"reader/{study()}-{'very-long-' * 8}0001.jpeg"
    listed(application, reader, name)
    open_list(page, application.stack, name, films=1)
    link = page.get_by_role("link", name=name, exact=True)
    shown = link.inner_text()
    assert shown.startswith("reader/")
    assert shown.endswith("0001.jpeg")
    assert "…" in shown
    assert len(shown) < len(name) / 2


def test_axe_finds_no_violation_in_any_view_of_a_reader_in_any_look_and_size(
    application: Application,
    reader: Api,  # noqa: F811
    page: "Page",
) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    ).Axe()
    name = study()
    key = f"reader/{name}.dcm"
    seen = listed(application, reader, key, film(name, PatientAge="011Y"))
    listed(application, reader, f"reader/{name}-side.dcm", film(name, "LL"))
    hidden = listed(application, reader, f"reader/{name}.jpeg")
    hide(application, hidden)
    connection = Connection(page)
    open_film(page, application.stack, seen, key)
    found = {}

    def check(where: str) -> None:
        for look, size in product(("light", "dark", "contrast"), (DESK, PHONE)):
            page.set_viewport_size(size)
            page.locator("#look").select_option(look)
            for problem in axe.run(page).response["violations"]:
                html = [each["html"] for each in problem["nodes"]]
                found[where, look, size["width"], problem["id"]] = html

    picture_shown(page)
    page.locator("#film-title").focus()
    for key in ("u", "d", "v"):
        page.keyboard.press(key)
    check("film")
    page.keyboard.press("?")
    check("keys")
    page.keyboard.press("Escape")
    page.evaluate("hash => { location.hash = hash; }", f"#film/{hidden}")
    page.get_by_text("Please read this film without its score").wait_for()
    check("hidden")
    page.locator("#film-title").focus()
    page.keyboard.press("l")
    page.locator("#rows tr").first.wait_for()
    check("list")
    connection.is_cut = True
    look_again(page)
    page.get_by_role("button", name="Try again").wait_for()
    check("outage")
    assert found == {}
