"""`cxr-alert install` against the emulator: from an endpoint in service to a film seen through."""

import re
from pathlib import Path
from typing import Any

import pytest

from cxr_alert.local import build, emulator
from tests.e2e.application import Application
from tests.e2e.test_operate import operate

STACK = "cxr-alert-installed"
WORKLIST = f"{STACK}-worklist"
PEOPLE = ("--email", "people@example.org", "--reader", "dr-lee")


def built(template: build.Template, state: Path) -> str:
    found = build.start(template, state)
    build.wait(found, state)
    return str(found.file)


def options(application: Application) -> list[str]:
    """Return what an account of its own would not need: built templates, the emulator's Python."""
    state = application.stack.settings.state
    address = application.stack.endpoint_url
    runtime = f"PythonRuntime={emulator.python_runtime()}"
    return [
        *("install", "--stack", STACK, "--endpoint", "cxr-alert", *PEOPLE),
        *("--template", built(build.APPLICATION, state)),
        *("--worklist-template", built(build.WORKLIST, state)),
        *("--parameters", runtime, "MaximumConcurrency=2", f"Architecture={build.ARCHITECTURE}"),
        *("--worklist-parameters", runtime, f"WorklistAddress={address}/worklist"),
        *(f"LoginAddress={address}", "SecondFactor=OPTIONAL"),
        *("--results", built(build.RESULTS, state)),
        *("--drift", built(build.DRIFT, state)),
    ]


def client(application: Application, service: str) -> Any:
    return application.stack.client(service)


def outputs(application: Application, stack: str) -> dict[str, str]:
    (found,) = client(application, "cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}


def parameters(application: Application, stack: str) -> dict[str, str]:
    (found,) = client(application, "cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {each["ParameterKey"]: each["ParameterValue"] for each in found["Parameters"]}


def done(application: Application, *arguments: str) -> str:
    status, out, error = operate(application, *arguments)
    assert status == 0, out + error
    return out


@pytest.mark.timeout(300)
def test_install_uses_an_endpoint_screens_a_test_film_and_is_undone(
    application: Application,
) -> None:
    typed = options(application)
    first = done(application, *typed, "--yes")
    assert re.search(r"application: stack cxr-alert-installed was made", first)
    assert re.search(r"worklist: stack cxr-alert-installed-worklist was made", first)
    assert "the first password to people@example.org" in first
    assert re.search(r"check: the test film is NORMAL after \d+ s", first)
    assert f"{outputs(application, WORKLIST)['WorklistUrl']}/" in first
    assert "results: stack cxr-alert-installed-results was made" in first
    assert "drift: stack cxr-alert-installed-drift was made" in first
    reviews = outputs(application, WORKLIST)["ReviewsTableName"]
    assert {"Application": STACK, "EndpointName": "cxr-alert", "ReviewsTable": reviews}.items() <= (
        parameters(application, f"{STACK}-drift").items()
    )

    pool = outputs(application, WORKLIST)["ReaderPoolId"]
    cognito = client(application, "cognito-idp")
    groups = cognito.admin_list_groups_for_user(UserPoolId=pool, Username="dr-lee")["Groups"]
    assert {each["GroupName"] for each in groups} == {"readers", "administrators"}
    mailed = outputs(application, STACK)
    for topic in ("NotificationsTopicArn", "OperationsTopicArn"):
        found = client(application, "sns").list_subscriptions_by_topic(TopicArn=mailed[topic])
        assert "people@example.org" in [each["Endpoint"] for each in found["Subscriptions"]]

    again = done(application, *typed, "--yes")
    assert re.search(r"application: stack cxr-alert-installed is up to date", again)
    assert "reader dr-lee is there already" in again
    assert outputs(application, STACK) == mailed

    gone = done(application, "install", "--stack", STACK, "--destroy", "--yes")
    for stack in (f"{STACK}-drift", f"{STACK}-results", WORKLIST, STACK):
        assert f"Stack {stack} is gone." in gone
    assert re.search(r"UploadsBucket \S+ +the films", gone)
    assert re.search(r"ReviewsTable \S+ +the readers' reviews", gone)
    status, _, error = operate(application, "install", "--stack", STACK, "--destroy", "--yes")
    assert (status, error) == (2, f"Nothing is installed as {STACK} in us-east-1.\n")


def test_without_a_terminal_install_needs_yes(application: Application) -> None:
    status, out, error = operate(application, *options(application))
    assert status == 2
    assert "sees the performance page" in out
    assert error == "Install it? There is no terminal for an answer: add --yes.\n"
