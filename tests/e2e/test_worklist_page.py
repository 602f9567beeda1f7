"""The worklist's page in a real browser against the deployed application."""

import json
from typing import TYPE_CHECKING

import pytest

from testbed.worklist_api import Api
from tests.e2e.application import NEGATIVE, POSITIVE, Application, wait_until
from tests.e2e.test_worklist_api import hide, listed, reader, review  # noqa: F401 - a fixture
from tests.e2e.worklist_browser import (
    DESK,
    PHONE,
    TABLET,
    log_in,
    open_film,
    open_list,
    wait_for_count,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page

MARKUP = '<img src=x onerror="document.title=1"><script>document.title=2</script>&amp;.jpeg'


def stored(page: "Page") -> str:
    """Return everything that the browser stores for the page."""
    kept: str = page.evaluate(
        "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
    )
    return kept


def test_a_film_opened_from_a_mail_is_reviewed_with_one_key(
    application: Application,
    reader: Api,  # noqa: F811
    page: "Page",
) -> None:
    film = listed(application, reader, "page/link.jpeg")
    link = f"{application.stack.outputs['WorklistUrl']}/#film/{film}"
    wait_until(lambda: any(link in mail for mail in application.all_mails()), "the mail")
    open_film(page, application.stack, film, "page/link.jpeg")
    page.get_by_role("img", name="Chest X-ray page/link.jpeg").wait_for()
    page.keyboard.press("1")
    page.get_by_text("Saved: pneumonia.").wait_for()
    said = reader.call("GET", f"api/films/{film}").json()
    assert [each["decision"] for each in said["reviews"]] == ["CONFIRMED"]


def test_a_reader_gets_from_the_list_to_the_next_film_by_keys_alone(
    application: Application,
    reader: Api,  # noqa: F811
    page: "Page",
) -> None:
    for name in ("one", "two"):
        listed(application, reader, f"page/keys-{name}.jpeg")
    open_list(page, application.stack, "page/keys-", films=2)
    assert (
        page.get_by_label("Name, accession number or study contains").input_value() == "page/keys-"
    )
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="page/keys-one.jpeg").wait_for()
    page.keyboard.press("m")
    page.keyboard.type("Left lower lobe, 2 cm")
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    page.get_by_text("Saved: pneumonia.").wait_for()
    assert page.get_by_text("Left lower lobe, 2 cm").is_visible()
    page.keyboard.press("n")
    page.get_by_role("heading", name="page/keys-two.jpeg").wait_for()
    page.keyboard.press("l")
    wait_for_count(page, "1 film")


def test_filters_and_place_survive_a_reload_and_nothing_survives_logging_out(
    application: Application,
    reader: Api,  # noqa: F811
    page: "Page",
) -> None:
    for number in range(12):
        listed(application, reader, f"page/Reload, Ann {number:02}.jpeg")
    open_list(page, application.stack, "reload, ann", films=12, size=PHONE)
    page.get_by_text("page/Reload, Ann 11.jpeg").scroll_into_view_if_needed()
    place = page.evaluate("scrollY")
    assert place > 0
    page.reload()
    wait_for_count(page, "12 films")
    assert (
        page.get_by_label("Name, accession number or study contains").input_value() == "reload, ann"
    )
    page.wait_for_timeout(0)
    assert abs(page.evaluate("scrollY") - place) < 2
    assert "Ann" not in page.url
    page.get_by_text("page/Reload, Ann 11.jpeg").click()
    page.get_by_role("heading", name="page/Reload, Ann 11.jpeg").wait_for()
    assert "Ann" not in page.url
    assert "reload, ann" in stored(page)
    page.get_by_role("button", name="Log out").click()
    page.locator("input[name=username]").wait_for()
    local, session, cookies = json.loads(stored(page))
    assert (local, list(session), cookies) == ({}, ["login"], "")  # needed by the next login
    assert "ann" not in stored(page).lower()
    page.go_back()
    page.locator("input[name=username]").wait_for()
    assert not page.get_by_text("Ann").count()


def test_a_films_name_is_never_markup(
    application: Application,
    reader: Api,  # noqa: F811
    page: "Page",
) -> None:
    film = listed(application, reader, MARKUP)
    assert review(reader, film, "PNEUMONIA", note=MARKUP).status == 200
    open_film(page, application.stack, film, MARKUP)
    assert page.get_by_text(MARKUP).count() >= 2
    page.keyboard.press("l")
    page.get_by_label("Show").select_option("reviewed")
    page.get_by_role("link", name=MARKUP).wait_for()
    assert page.title() == "Worklist - CXR Alert"
    assert page.locator("img[src=x]").count() == 0


def test_the_film_zooms_moves_and_changes_its_greys(
    application: Application,
    reader: Api,  # noqa: F811
    page: "Page",
) -> None:
    film = listed(application, reader, "page/viewer.jpeg")
    open_film(page, application.stack, film, "page/viewer.jpeg")
    picture = page.locator("#picture")
    picture.wait_for()
    page.wait_for_load_state("networkidle")

    def look() -> tuple[str, str]:
        window = page.locator("#window-values").inner_text().partition(", ")[2]
        return picture.evaluate("each => each.style.transform"), window

    fitted = look()
    box = page.locator("#stage").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.wheel(0, -300)
    zoomed = look()
    assert zoomed != fitted
    page.mouse.down()
    page.mouse.move(x + 50, y + 30)
    page.mouse.up()
    assert look() != zoomed
    assert look()[1] == fitted[1] == "window centre 128, width 255"
    page.keyboard.down("Shift")
    page.mouse.down()
    page.mouse.move(x + 120, y - 40)
    page.mouse.up()
    page.keyboard.up("Shift")
    assert look()[1] != fitted[1]
    page.keyboard.press("i")
    assert page.get_by_role("button", name="Invert").get_attribute("aria-pressed") == "true"
    page.keyboard.press("r")
    assert look() == fitted


def test_the_score_is_shown_after_a_blinded_reading(
    application: Application,
    reader: Api,  # noqa: F811
    page: "Page",
) -> None:
    film = listed(application, reader, "page/drawn.jpeg", NEGATIVE)
    hide(application, film)
    open_film(page, application.stack, film, "page/drawn.jpeg")
    page.get_by_text("Please read this film without its score").wait_for()
    assert page.get_by_text("Probability").count() == 0
    page.get_by_role("button", name="No pneumonia").click()
    page.get_by_text("Saved: no pneumonia.").wait_for()
    assert page.get_by_text("Probability").count() == 1


def test_only_administrators_find_the_performance(
    application: Application,
    reader: Api,  # noqa: F811
    page: "Page",
) -> None:
    log_in(page, application.stack, "reader", "readers", at="#performance")
    page.get_by_role("alert").filter(has_text="the right `performance` is missing").wait_for()
    assert not page.get_by_role("link", name="Performance").is_visible()
    page.get_by_role("button", name="Log out").click()
    page.locator("input[name=username]").wait_for()
    log_in(page, application.stack, "administrator", "administrators")
    page.get_by_role("link", name="Performance").click()
    page.get_by_role("heading", name="In all").wait_for()
    listed(application, reader, "page/administrator.jpeg")
    page.get_by_role("link", name="Films", exact=True).click()
    page.get_by_role("link", name="page/administrator.jpeg").click()
    page.get_by_role("heading", name="page/administrator.jpeg").wait_for()
    assert not page.get_by_text("What do you see?").is_visible()


def test_axe_finds_nothing_serious_in_any_look(
    application: Application,
    reader: Api,  # noqa: F811
    page: "Page",
) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    ).Axe()
    film = listed(application, reader, "page/axe.jpeg", POSITIVE)
    log_in(page, application.stack, "chief", "readers", "administrators", at=f"#film/{film}")
    page.get_by_role("heading", name="page/axe.jpeg").wait_for()
    found = {}
    for view, size in (("film", DESK), ("film", PHONE), ("list", TABLET), ("performance", DESK)):
        page.set_viewport_size(size)
        if view == "list":
            page.keyboard.press("l")
            page.locator("#rows tr").first.wait_for()
        if view == "performance":
            page.get_by_role("link", name="Performance").click()
            page.get_by_role("heading", name="In all").wait_for()
        for look in ("light", "dark", "contrast"):
            page.locator("#look").select_option(look)
            for problem in axe.run(page).response["violations"]:
                if problem["impact"] in ("serious", "critical"):
                    html = [each["html"] for each in problem["nodes"]]
                    found[view, size["width"], look, problem["id"]] = html
        page.locator("#look").blur()
    assert found == {}
