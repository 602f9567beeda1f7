"""Rules for every template's alarms, functions, queues and streams."""

import re
from typing import Any

import pytest

from tests.unit.templates import ROOT, Template, metrics_of, read

FILES = (ROOT / "template.yaml", *ROOT.glob("functions/*/template.yaml"))
PATHS = [str(path.relative_to(ROOT)) for path in FILES]
TEMPLATES = {path: read(path) for path in PATHS}
MOST_METRICS = 10  # in the math of one alarm

FUNCTION = "AWS::Serverless::Function"
QUEUE = "AWS::SQS::Queue"
ALARM = "AWS::CloudWatch::Alarm"
WAITING = {"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"}


@pytest.fixture(params=PATHS)
def template(request: pytest.FixtureRequest) -> Template:
    return TEMPLATES[request.param]


def alarms(template: Template) -> dict[str, dict[str, Any]]:
    return {name: template.properties(name) for name in template.of_type(ALARM)}


def watched(template: Template, namespace: str) -> set[tuple[str, str]]:
    """Return each AWS metric of an alarm, with the name of its resource."""
    found = set()
    for alarm in alarms(template).values():
        for metric in metrics_of(alarm):
            if metric["Namespace"] == namespace:
                (dimension,) = metric["Dimensions"]
                ((_, name),) = dimension["Value"].items()
                found.add((metric["MetricName"], name.partition(".")[0]))
    return found


def expressions(alarm: dict[str, Any]) -> str:
    return " ".join(str(each.get("Expression", "")) for each in alarm.get("Metrics", []))


def test_every_function_is_in_an_alarm_of_errors_and_in_one_of_throttles(
    template: Template,
) -> None:
    seen = watched(template, "AWS/Lambda")
    for function in template.of_type(FUNCTION):
        assert ("Errors", function) in seen
        assert ("Throttles", function) in seen


def test_an_alarm_notices_when_messages_wait_in_a_queue(template: Template) -> None:
    seen = watched(template, "AWS/SQS")
    for queue in template.of_type(QUEUE):
        assert {metric for metric, name in seen if name == queue} & WAITING, queue


def test_every_stream_has_limits_and_a_queue_for_failures(template: Template) -> None:
    """Without a limit, one bad record silently blocks its shard until it is a day old."""
    streams = [
        (function, event["Properties"])
        for function in template.of_type(FUNCTION)
        for event in template.properties(function).get("Events", {}).values()
        if event["Type"] == "DynamoDB"
    ]
    for function, stream in streams:
        assert 0 < stream["MaximumRetryAttempts"] <= 100
        assert stream["BisectBatchOnFunctionError"] is True
        assert stream["MaximumRecordAgeInSeconds"] < 86400
        queue = stream["DestinationConfig"]["OnFailure"]["Destination"]["GetAtt"].partition(".")[0]
        assert queue in {name for _, name in watched(template, "AWS/SQS")}
        assert ("IteratorAge", function) in watched(template, "AWS/Lambda")


def test_no_alarm_of_one_period_fills_gaps_with_zero(template: Template) -> None:
    """Metrics come late: filled with 0, the last period never has data, and the alarm stays on."""
    for name, alarm in alarms(template).items():
        if alarm["EvaluationPeriods"] == 1:
            assert not re.search(r"FILL\(\w+, 0\)", expressions(alarm)), name
        if "DIFF(FILL" in expressions(alarm):
            assert "REPEAT" in expressions(alarm), name


def test_an_alarm_on_growth_sends_no_ok_while_the_messages_remain(
    template: Template,
) -> None:
    for name, alarm in alarms(template).items():
        assert ("OKActions" in alarm) == ("DIFF(FILL" not in expressions(alarm)), name


def test_days_without_a_film_are_noticed() -> None:
    alarm = TEMPLATES["template.yaml"].properties("NoFilmsAlarm")
    assert (alarm["MetricName"], alarm["TreatMissingData"]) == ("FilmsScreened", "breaching")
    days = alarm["Period"] * alarm["EvaluationPeriods"] / 86400
    assert 2 < days <= 7, "a weekend passes in silence; CloudWatch looks back a week at most"


def test_an_alarms_math_has_no_more_metrics_than_cloudwatch_takes(template: Template) -> None:
    for alarm in alarms(template).values():
        assert len(alarm.get("Metrics", [])) <= MOST_METRICS
        assert alarm["AlarmActions"]


def test_each_alarm_has_its_section_in_the_runbook(template: Template) -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text()
    for alarm in alarms(template).values():
        title = alarm["AlarmName"]["Sub"].partition("}-")[2].lower()
        assert f"\n## {title}\n" in runbook, title


def test_protected_resources_are_kept_when_a_first_deployment_fails(template: Template) -> None:
    """RetainExceptOnCreate would delete it, which it refuses: the rollback fails."""
    for name, resource in template.resources.items():
        own = resource.get("Properties", {})
        protected = own.get("DeletionProtectionEnabled") or own.get("DeletionProtection")
        assert not protected or resource["DeletionPolicy"] == "Retain", name
        assert ("DeletionPolicy" in resource) == ("UpdateReplacePolicy" in resource), name


def test_a_function_on_a_schedule_is_not_repeated_and_its_absence_is_noticed(
    template: Template,
) -> None:
    heartbeats = {
        name for metric, name in watched(template, "AWS/Lambda") if metric == "Invocations"
    }
    own = {
        dimension["Value"]
        for alarm in alarms(template).values()
        if alarm["TreatMissingData"] == "breaching"
        for metric in metrics_of(alarm)
        for dimension in metric["Dimensions"]
        if dimension["Name"] == "service"
    }
    for function in template.of_type(FUNCTION):
        events = template.properties(function).get("Events", {}).values()
        if any(event["Type"] == "Schedule" for event in events):
            assert template.properties(function)["EventInvokeConfig"]["MaximumRetryAttempts"] == 0
            assert function in heartbeats or function.removesuffix("Function").lower() in own
