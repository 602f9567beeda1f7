"""One stack for all end-to-end tests, in a directory of its own."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from cxr_alert.local import mail, stack
from tests.e2e.application import Application
from tests.e2e.worklist_browser import DESK, browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

USERS_OWN = {
    "AWS_ACCESS_KEY_ID": "AKIAOFTHEUSER",
    "AWS_SECRET_ACCESS_KEY": "secret-of-the-user",
    "AWS_SESSION_TOKEN": "token-of-the-user",
    "AWS_PROFILE": "profile-of-the-user",
    "AWS_ENDPOINT_URL_SNS": "http://sns-of-the-user.invalid",
}


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    settings = stack.Settings(
        tmp_path_factory.mktemp("stack"),
        parameters={
            "NotificationEmail": mail.ADDRESS,
            "MaximumConcurrency": "2",
            "RetrySeconds": "1",
            "DigestSeconds": "1",
        },
        # Which films hide their score is for the tests to say.
        worklist={"SampleShare": "0", "PacsLink": "https://pacs.example/viewer?accession={}"},
        results=True,
    )
    with contextlib.ExitStack() as held:
        with pytest.MonkeyPatch.context() as patch:
            _be_a_user(patch)
            running = held.enter_context(stack.running(settings))
        yield Application(running)


@pytest.fixture
def application(deployed: Application, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    _be_a_user(monkeypatch)
    yield deployed
    deployed.settle()  # leave nothing in the queue for the next test


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    with browser() as opened:
        yield opened


@pytest.fixture
def page(chromium: "Browser") -> "Iterator[Page]":
    """A page of a browser of its own; the test fails if its script does."""
    context = chromium.new_context(viewport=DESK)
    opened = context.new_page()
    broken: list[str] = []
    opened.on("pageerror", lambda error: broken.append(str(error)))
    yield opened
    context.close()
    assert broken == []


def _be_a_user(patch: pytest.MonkeyPatch) -> None:
    """Configure an AWS account of the user's, which the stack must not use."""
    for name, value in USERS_OWN.items():
        patch.setenv(name, value)
