"""Drift in the deployed application: the function's runs, the command, the worklist's plots."""

import contextlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from boto3.dynamodb.types import TypeSerializer

from aws.drift_table import DriftTable
from cxr_alert.local import stack, watch
from screening.clock import now, stamp
from screening.film_name import film_name
from screening.judgement import Answer, judge, reject
from screening.record import AlertState, Claim, Record, attributes, screened
from screening.refusals import Rejected
from screening.upload import Upload
from tests.e2e.application import Application
from tests.e2e.test_operate import operate
from tests.e2e.worklist_browser import DESK, PHONE, browser, log_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NETWORK = "cxr-resnet18-b0727b36"
DAYS, FILMS_A_DAY = 56, 15
CHANGED_DAYS = 5  # of the last: a machine inverts its films
BATCH = 25
_to_dynamodb = TypeSerializer().serialize


@pytest.fixture(scope="module")
def drifted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """A stack of its own, since eight weeks of films would disturb other tests."""
    settings = stack.Settings(
        tmp_path_factory.mktemp("drift"), worklist={"SampleShare": "0"}, drift=True
    )
    with contextlib.ExitStack() as held:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("AWS_PROFILE", raising=False)
            running = held.enter_context(stack.running(settings))
        application = Application(running)
        _fill(application)
        yield application


def _fill(application: Application) -> None:
    random, outputs = Random(1), application.stack.outputs  # noqa: S311
    # The function counts a day from an hour after its end, as drift.handler.SETTLED says.
    midnight = (now() - timedelta(hours=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    records, reviews = [], []
    for back in range(DAYS, 0, -1):
        at = midnight - timedelta(days=back) + timedelta(hours=8)
        for number in range(FILMS_A_DAY):
            inverted = back <= CHANGED_DAYS and number % 3 == 0
            made = _record(random, at + timedelta(minutes=number), inverted=inverted)
            records.append({name: _to_dynamodb(v) for name, v in attributes(made).items()})
            if made.judgement.finding == "PNEUMONIA" or (not inverted and number % 4 == 0):
                reviews.append(_review(random, made))
    for table, items in (("ScreeningsTableName", records), ("ReviewsTableName", reviews)):
        for start in range(0, len(items), BATCH):
            puts: list[Any] = [{"PutRequest": {"Item": each}} for each in items[start:][:BATCH]]
            application.stack.dynamodb.batch_write_item(RequestItems={outputs[table]: puts})


def _record(random: Random, at: datetime, *, inverted: bool) -> Record:
    key = f"room {random.randrange(3)}/{at:%m%d-%H%M}.dcm"
    upload = Upload(key, stamp(at), "uploads", stamp(at), "e", 100, stamp(at))
    probability = random.uniform(0.3, 1) if random.random() < 0.25 else random.uniform(0, 0.05)
    judgement = judge(Answer(Decimal(f"{probability:.6f}"), NETWORK, None), Decimal("0.1"), at)
    if inverted:
        judgement = reject(Rejected("inverted", "A negative."), Decimal("0.1"), at)
    made = screened(upload, judgement, Claim("one", "x"))
    return Record(**{**vars(made), "alert": AlertState.NOT_NEEDED, "claim": None})


def _review(random: Random, of: Record) -> dict[str, Any]:
    time, positive = of.judgement.classified, of.judgement.finding == "PNEUMONIA"
    ill = random.random() < (0.85 if positive else 0.02)
    found = {
        "film": film_name(of.key, of.version), "review": "0" * 8, "month": time[:7], "time": time,
        "reader": "lee", "reading": "PNEUMONIA" if ill else "NORMAL",
        "score_seen": True, "finding": of.judgement.finding.value, "cutoff": of.judgement.cutoff,
        "probability": of.judgement.probability, "model": NETWORK, "uploaded": of.uploaded,
        "classified": time, "hidden": not positive, "chance": Decimal("0.25"),
        "group": "", "note": "",
    }  # fmt: skip
    return {name: _to_dynamodb(value) for name, value in found.items()}


@pytest.fixture(scope="module")
def nights(drifted: Application) -> str:
    """Let the function count the eight weeks; return its mails to operators."""
    queue = watch.subscribe(drifted.stack, "operations", "{}", "OperationsTopicArn")
    client: Any = drifted.stack.client("lambda")
    name = drifted.stack.outputs["DriftFunctionName"]
    for _ in range(2):  # the second one finds nothing left to do
        answer = client.invoke(FunctionName=name, Payload=b"{}")
        assert "FunctionError" not in answer, answer["Payload"].read()
    (mail,) = watch.receive(drifted.stack, queue)
    return mail.message


def test_a_machine_with_inverted_films_is_named_and_the_sample_films_are_unchanged(
    drifted: Application, nights: str
) -> None:
    assert nights.startswith("Look: ")
    assert "with the code inverted" in nights
    assert "room " in nights
    kept = DriftTable(drifted.stack.dynamodb, "cxr-alert-drift").read()
    assert kept
    seen = json.loads(kept.shown)
    assert (seen["network"], seen["referenceFilms"], len(seen["days"])) == (NETWORK, 500, DAYS)
    # The container answers the packaged films like known.json, or a signal would be raised.
    assert [each["name"] for each in seen["signals"]] == ["refused-up:inverted"]


def test_the_drift_command_fits_on_one_screen(drifted: Application, nights: str) -> None:
    assert nights
    status, out, err = operate(drifted, "drift")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    assert "Look: More films are rejected" in out
    assert sum(line.endswith("!!!!") for line in lines) == 1
    shown = json.loads(operate(drifted, "drift", "--json")[1])
    assert shown["weeks"][-1]["precision"]["low"] < 0.9
    assert shown["signals"][0]["films"]


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    with browser() as opened:
        yield opened


def test_the_performance_view_plots_weeks_and_drift_in_any_look_and_size(
    drifted: Application, nights: str, chromium: "Browser"
) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    ).Axe()
    assert nights
    page: Page = chromium.new_page(viewport=DESK)
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    log_in(page, drifted.stack, "chief", "readers", "administrators", at="#performance")
    page.get_by_role("img", name="Precision and sensitivity of 8 weeks").or_(
        page.get_by_role("img", name="Precision and sensitivity of 9 weeks")
    ).wait_for()
    page.get_by_role("img", name=f"of {DAYS} days; signals on").wait_for()
    page.get_by_text("Look: More films are rejected").wait_for()
    assert page.locator(".sounded").count() == CHANGED_DAYS - 1  # 15 films a day take two
    for size, look in ((DESK, "light"), (DESK, "dark"), (PHONE, "contrast")):
        page.set_viewport_size(size)
        page.locator("#look").select_option(look)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        if folder := os.environ.get("PICTURES"):
            page.screenshot(path=f"{folder}/drift-{size['width']}-{look}.png", full_page=True)
        found = {
            problem["id"]: [each["html"] for each in problem["nodes"]]
            for problem in axe.run(page).response["violations"]
        }
        assert found == {}, (size, look)
    page.close()
    assert broken == []


def test_a_new_reference_begins_when_a_person_asks_for_it(
    drifted: Application, nights: str
) -> None:
    assert nights
    assert operate(drifted, "drift", "--new-reference")[0] == 0
    kept = DriftTable(drifted.stack.dynamodb, "cxr-alert-drift").read()
    assert kept
    assert kept.asked > stamp(datetime.now(UTC) - timedelta(minutes=5))
