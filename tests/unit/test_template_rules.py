"""What the template promises that no linter checks."""

import json
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

import classify.handler
import notify.handler
import reconcile.handler
import render.handler
import watch.handler
import worklist.api
import worklist.enlist
import worklist.remind
from aws.clients import BATCH_SIZE, longest_wait
from aws.endpoint import BUSY_SECONDS
from aws.queue import wait_seconds
from aws.uploads_bucket import DOWNLOAD_SECONDS, LARGEST_MB
from classify.batch import WAIT_FOR_OTHERS_SECONDS
from imaging.sandbox import MEMORY_BYTES, SECONDS, START_SECONDS
from screening.config import DEFAULT_CUTOFF, ENDPOINT_NAME, NAMESPACE, RETENTION_DAYS, Config

FUNCTIONS: dict[str, Any] = {
    "ClassifyFunction": Config,
    "RenderFunction": render.handler.Config,
    "NotifyFunction": notify.handler.Config,
    "ReconcileFunction": reconcile.handler.Config,
    "WatchFunction": watch.handler.Config,
    "WorklistFunction": worklist.api.Config,
    "EnlistFunction": worklist.enlist.Config,
    "RemindFunction": worklist.remind.Config,
}
TEMPLATE = Path(__file__).parents[2] / "template.yaml"


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms: `!GetAtt A.Arn` becomes {"GetAtt": "A.Arn"}."""


def _short_form(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    raise AssertionError(node)


_Loader.add_multi_constructor("!", _short_form)
_TEMPLATE = yaml.load(TEMPLATE.read_text(), _Loader)  # noqa: S506 - a safe loader all the same
RESOURCES: dict[str, Any] = _TEMPLATE["Resources"]


def properties(name: str) -> dict[str, Any]:
    found: dict[str, Any] = RESOURCES[name]["Properties"]
    return found


def of_type(kind: str) -> list[str]:
    return [name for name, resource in RESOURCES.items() if resource["Type"] == kind]


def test_every_wait_together_ends_before_the_function() -> None:
    waits = [
        longest_wait("dynamodb"),  # is there a record?
        longest_wait("s3"),  # of a copy: does it follow a version without one?
        longest_wait("s3"),
        DOWNLOAD_SECONDS,  # or, where S3 refuses to hand it out, which key is it under?
        longest_wait("sqs"),  # set aside what nobody understands
        BUSY_SECONDS,  # of the endpoint with other films
        longest_wait("sagemaker-runtime"),
        longest_wait("dynamodb"),  # write it
        longest_wait("dynamodb"),  # or give up its claim, if it stands though no answer came
        longest_wait("dynamodb"),  # or take over another's alert
        longest_wait("sns") * 2,  # ten alerts, long keys and reasons among them
        longest_wait("dynamodb"),  # mark it sent
        WAIT_FOR_OTHERS_SECONDS,
        longest_wait("dynamodb"),  # the last look at another's
        longest_wait("sqs"),
    ]
    assert sum(waits) < properties("ClassifyFunction")["Timeout"]


def test_the_function_gets_the_variables_that_it_reads_and_no_others() -> None:
    for name, config in FUNCTIONS.items():
        variables = properties(name)["Environment"]["Variables"]
        assert set(variables) == {field.name.upper() for field in fields(config)}


def test_the_templates_parameters_follow_the_functions_rules() -> None:
    parameters = _TEMPLATE["Parameters"]
    assert Decimal(str(parameters["Cutoff"]["Default"])) == DEFAULT_CUTOFF
    assert parameters["EndpointName"]["AllowedPattern"] == ENDPOINT_NAME
    assert tuple(parameters["RecordRetentionDays"]["AllowedValues"]) == RETENTION_DAYS


def test_alarms_look_for_the_metrics_where_the_function_puts_them() -> None:
    text = TEMPLATE.read_text()
    assert f"Namespace: {NAMESPACE}\n" in text
    service = classify.handler.observer.service
    assert f'["{NAMESPACE}", "FilmsScreened", "service", "{service}", "stack",' in text
    services = {
        service,
        render.handler.observer.service,
        notify.handler.observer.service,
        reconcile.handler.SERVICE,
        watch.handler.SERVICE,
    }
    named = set()
    for name in of_type("AWS::CloudWatch::Alarm"):
        for metric in metrics_of(properties(name)):
            if metric["Namespace"] == NAMESPACE:
                # Without the stack's name two stacks of one account would hide each other's alarms.
                dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
                assert dimensions["stack"] == {"Ref": "AWS::StackName"}
                named.add(dimensions["service"])
    assert named == services


def metrics_of(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    if "Namespace" in alarm:
        return [alarm]
    return [each["MetricStat"]["Metric"] for each in alarm["Metrics"] if "MetricStat" in each]


def test_messages_stay_hidden_while_the_function_works() -> None:
    timeout = properties("ClassifyFunction")["Timeout"]
    assert properties("UploadsQueue")["VisibilityTimeout"] >= 6 * timeout
    source = properties("ClassifyFunction")["Events"]["Uploads"]["Properties"]
    assert source["BatchSize"] == {"Ref": "FilmsInBatch"}
    films = _TEMPLATE["Parameters"]["FilmsInBatch"]
    assert films["Default"] == films["MaxValue"] == BATCH_SIZE
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_dead_letters_outlast_the_queue_they_come_from() -> None:
    queue = properties("UploadsQueue")
    variables = properties("ClassifyFunction")["Environment"]["Variables"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == int(variables["MOST_TRIES"])
    tried = sum(wait_seconds(15, tries, int(variables["MOST_TRIES"])) for tries in range(1, 101))
    assert 24 * 3600 < tried < queue["MessageRetentionPeriod"]
    people = properties("NotifyFunction")["Environment"]["Variables"]
    assert properties("PeopleQueue")["RedrivePolicy"]["maxReceiveCount"] == int(
        people["MOST_TRIES"]
    )
    dead = properties("UploadsDeadLetterQueue")
    assert dead["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]


def test_everything_stored_is_encrypted_with_the_stacks_key() -> None:
    key = {"GetAtt": "Key.Arn"}
    # But for what comes when the key's own policy is the trouble: SQS's own encryption is on there.
    own = {"UndeliveredEventsQueue", "PeopleDeadLetterQueue"}
    for queue in of_type("AWS::SQS::Queue"):
        if queue in own:
            assert properties(queue)["SqsManagedSseEnabled"] is True
        else:
            assert properties(queue)["KmsMasterKeyId"] == key
    for topic in of_type("AWS::SNS::Topic"):
        assert properties(topic)["KmsMasterKeyId"] == key
    assert properties("ClassifyLog")["KmsKeyId"] == key
    assert properties("ScreeningsTable")["SSESpecification"]["KMSMasterKeyId"] == key
    (rule,) = properties("UploadsBucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == key


@pytest.mark.parametrize(
    ("policy", "guarded"),
    [("AWS::S3::BucketPolicy", 3), ("AWS::SQS::QueuePolicy", 7), ("AWS::SNS::TopicPolicy", 3)],
)
def test_whatever_has_a_policy_refuses_plain_http(policy: str, guarded: int) -> None:
    targets = 0
    for name in of_type(policy):
        (deny,) = [
            statement
            for statement in properties(name)["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny"
        ]
        assert deny["Principal"] == "*"
        assert deny["Condition"] == {"Bool": {"aws:SecureTransport": False}}
        targets += len(properties(name).get("Queues") or properties(name).get("Topics") or [1])
    assert targets == guarded


@pytest.mark.parametrize("policy", ["ClassifyPolicy", "RenderPolicy"])
def test_the_functions_policies_name_their_resources(policy: str) -> None:
    statements = properties(policy)["PolicyDocument"]["Statement"]
    assert [s["Sid"] for s in statements if s["Resource"] == "*"] == ["WriteTraces"]
    for statement in statements:
        assert "*" not in "".join(statement["Action"])


def test_the_function_asks_its_endpoint_alone() -> None:
    statements = properties("ClassifyPolicy")["PolicyDocument"]["Statement"]
    (ask,) = [s for s in statements if s["Action"] == "sagemaker:InvokeEndpoint"]
    assert ask["Resource"]["Sub"].endswith(":endpoint/${EndpointName}")
    assert "Policies" not in properties("ClassifyFunction")


def test_the_function_that_renders_has_time_for_a_film_and_its_queue_more() -> None:
    function = properties("RenderFunction")
    waits = [
        START_SECONDS,
        SECONDS,
        longest_wait("s3"),
        DOWNLOAD_SECONDS,
        longest_wait("s3"),  # refused: which key is it under?
        longest_wait("s3"),
        2 * longest_wait("sqs"),  # to hand the film on, or to postpone it
    ]
    assert sum(waits) < function["Timeout"]
    assert properties("RenditionsQueue")["VisibilityTimeout"] >= 6 * function["Timeout"]
    assert function["Events"]["Renditions"]["Properties"]["BatchSize"] == 1
    # The film, its bytes on the way to the child, and what the child may take.
    assert function["MemorySize"] * 1024**2 > 3 * LARGEST_MB * 1024**2 + 2 * MEMORY_BYTES
    for name in ("RenditionsQueue", "RenditionsDeadLetterQueue"):
        assert properties(name)["KmsMasterKeyId"] == {"GetAtt": "Key.Arn"}


def test_the_renditions_bucket_is_private_encrypted_and_emptied() -> None:
    bucket = properties("RenditionsBucket")
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    key = rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]
    assert key == {"GetAtt": "Key.Arn"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    expiries = [each.get("ExpirationInDays") for each in bucket["LifecycleConfiguration"]["Rules"]]
    assert 30 in expiries


def test_people_get_digests_never_the_alerts_themselves_and_at_most_two_messages_a_second() -> None:
    assert RESOURCES["NotificationSubscription"]["Condition"] == "HasNotificationEmail"
    mail = properties("NotificationSubscription")
    assert mail["TopicArn"] == {"Ref": "NotificationsTopic"}
    assert "FilterPolicy" not in mail
    queue = properties("PeopleSubscription")
    assert queue["Protocol"] == "sqs"
    assert queue["FilterPolicy"] == {"finding": ["PNEUMONIA", "REJECTED"]}
    source = properties("NotifyFunction")["Events"]["Alerts"]["Properties"]
    assert source["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert _TEMPLATE["Parameters"]["DigestSeconds"]["MinValue"] == 1


def test_every_queue_has_a_policy_of_its_own() -> None:
    policies = [properties(name)["Queues"] for name in of_type("AWS::SQS::QueuePolicy")]
    assert sorted(queue["Ref"] for (queue,) in policies) == sorted(of_type("AWS::SQS::Queue"))


def test_what_is_lost_is_looked_for_no_longer_than_records_are_kept() -> None:
    days = _TEMPLATE["Parameters"]["ReconcileDays"]["MaxValue"]
    assert days < min(keep for keep in RETENTION_DAYS if keep)


def test_data_outlives_the_stack_with_the_key_that_opens_it() -> None:
    for name in ("Key", "UploadsBucket", "ScreeningsTable"):
        assert RESOURCES[name]["DeletionPolicy"] == "RetainExceptOnCreate"
        assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain"


def test_every_alarm_is_told_and_has_its_page_in_the_runbook() -> None:
    runbook = (TEMPLATE.parent / "docs" / "runbook.md").read_text()
    dashboard = properties("Dashboard")["DashboardBody"]["Sub"]
    alarms = of_type("AWS::CloudWatch::Alarm")
    assert len(alarms) == 22
    for name in alarms:
        alarm = properties(name)
        topic = [{"Ref": "OperationsTopic"}]
        assert alarm["AlarmActions"] == alarm["OKActions"] == topic
        assert alarm["TreatMissingData"] == "notBreaching"
        title = alarm["AlarmName"]["Sub"].removeprefix("${AWS::StackName}-")
        assert f"\n## {title}\n" in runbook
        assert f"${{{name}.Arn}}" in dashboard


def test_the_dashboard_is_json() -> None:
    assert len(json.loads(properties("Dashboard")["DashboardBody"]["Sub"])["widgets"]) == 6


def test_neither_the_films_nor_the_records_are_deleted_by_mistake() -> None:
    assert properties("ScreeningsTable")["DeletionProtectionEnabled"] is True
    keep = _TEMPLATE["Parameters"]["RecordRetentionDays"]
    assert keep["Default"] == 0
    days = properties("UploadsDeadLetterQueue")["MessageRetentionPeriod"] / 86400
    assert all(choice > days for choice in keep["AllowedValues"] if choice)
    rules = properties("UploadsBucket")["LifecycleConfiguration"]["Rules"]
    (films,) = [rule["If"][1] for rule in rules if "If" in rule]
    assert films["ExpirationInDays"] == {"Ref": "FilmRetentionDays"}
    assert [rule["If"][0] for rule in rules if "If" in rule] == ["FilmsExpire"]
    # An expired film is only hidden; a day later it is gone, and so is the marker that hid it.
    hidden = {"NoncurrentDays": {"If": ["FilmsExpire", 1, {"Ref": "ReplacedFilmRetentionDays"}]}}
    plain = [rule for rule in rules if "If" not in rule]
    assert hidden in [rule.get("NoncurrentVersionExpiration") for rule in plain]
    assert True in [rule.get("ExpiredObjectDeleteMarker") for rule in plain]
