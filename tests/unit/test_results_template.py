"""Rules for the results' template that no linter checks."""

from dataclasses import fields

import publish.handler
from delivery import sender
from delivery.metrics import SERVICE
from screening.config import NAMESPACE
from tests.unit.templates import metrics_of, read, variables

TEMPLATE = read("functions/publish/template.yaml")
APPLICATION = read("template.yaml")
KEY = {"Fn::ImportValue": {"Sub": "${Application}-KeyArn"}}


def test_its_function_gets_the_variables_that_it_reads_and_no_others() -> None:
    given = variables(TEMPLATE, "PublishFunction")
    assert set(given) == {each.name.upper() for each in fields(publish.handler.Config)}


def test_it_imports_only_what_the_application_exports() -> None:
    assert TEMPLATE.imported <= APPLICATION.exported


def test_results_wait_for_14_days_encrypted_and_over_tls_alone() -> None:
    queues = TEMPLATE.of_type("AWS::SQS::Queue")
    for queue in queues:
        assert TEMPLATE.properties(queue)["MessageRetentionPeriod"] == 14 * 86400
        assert TEMPLATE.properties(queue)["KmsMasterKeyId"] == KEY
    policies = [TEMPLATE.properties(each) for each in TEMPLATE.of_type("AWS::SQS::QueuePolicy")]
    assert sorted(each["Queues"][0]["Ref"] for each in policies) == sorted(queues)
    for policy in policies:
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": False}}


def test_the_queue_gives_no_message_up_before_it_ends() -> None:
    queue = TEMPLATE.properties("ResultsQueue")
    tries = queue["RedrivePolicy"]["maxReceiveCount"]
    waits = [
        min(sender.FIRST_WAIT_SECONDS * 2.0**number, sender.LONGEST_WAIT_SECONDS)
        for number in range(tries)
    ]
    assert sum(waits) > queue["MessageRetentionPeriod"]
    assert queue["VisibilityTimeout"] == sender.HELD_SECONDS


def test_whoever_sends_may_read_films_and_records_and_change_neither() -> None:
    statements = TEMPLATE.properties("SenderPolicy")["PolicyDocument"]["Statement"]
    actions = {
        action
        for each in statements
        for action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])
    }
    assert {each for each in actions if each.startswith(("s3", "dynamodb"))} == {
        "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:ListBucketVersions",
        "dynamodb:GetItem", "dynamodb:Query",
    }  # fmt: skip
    (anywhere,) = [each for each in statements if each["Resource"] == "*"]
    assert anywhere["Condition"] == {"StringEquals": {"cloudwatch:namespace": NAMESPACE}}


def test_alarms_look_for_the_metrics_where_send_puts_them() -> None:
    own = [
        metric
        for alarm in TEMPLATE.of_type("AWS::CloudWatch::Alarm")
        for metric in metrics_of(TEMPLATE.properties(alarm))
        if metric["Namespace"] == NAMESPACE
    ]
    assert {each["MetricName"] for each in own} == {"ResultsFailed", "ResultsMissing"}
    for each in own:
        given = {dimension["Name"]: dimension["Value"] for dimension in each["Dimensions"]}
        assert given == {"service": SERVICE, "stack": {"Ref": "Application"}}
