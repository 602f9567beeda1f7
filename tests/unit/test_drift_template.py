"""Rules for the drift template that no linter checks."""

from dataclasses import fields
from typing import Any

import drift.handler
from screening.config import ENDPOINT_NAME, NAMESPACE
from tests.unit.policies import actions, allowed, arn
from tests.unit.templates import metrics_of, read, variables

TEMPLATE = read("functions/drift/template.yaml")
APPLICATION = read("template.yaml")


def test_its_function_gets_the_variables_that_it_reads_and_no_others() -> None:
    given = variables(TEMPLATE, "DriftFunction")
    assert set(given) == {each.name.upper() for each in fields(drift.handler.Config)}
    assert TEMPLATE.parameters["EndpointName"]["AllowedPattern"] == ENDPOINT_NAME


def test_it_imports_only_what_the_application_exports() -> None:
    assert TEMPLATE.imported <= APPLICATION.exported


def test_the_function_may_change_only_its_item() -> None:
    (policy,) = TEMPLATE.properties("DriftRole")["Policies"]
    resources: dict[str, list[Any]] = {}
    for found in policy["PolicyDocument"]["Statement"]:
        statement = found.get("If", [None, found])[1]
        given = statement["Action"]
        for action in given if isinstance(given, list) else [given]:
            resources.setdefault(action, []).append(statement["Resource"])
    assert resources["dynamodb:UpdateItem"] == [{"GetAtt": "DriftTable.Arn"}]
    assert len(resources["dynamodb:Query"]) == 2  # the indexes of records and reviews
    assert all("/index/" in str(each) for each in resources["dynamodb:Query"])
    assert set(resources) == {
        "dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem", "kms:Decrypt",
        "kms:GenerateDataKey", "logs:CreateLogStream", "logs:PutLogEvents",
        "sagemaker:InvokeEndpoint", "sns:Publish", "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }  # fmt: skip


def test_whoever_runs_the_command_may_read_and_mark_the_item() -> None:
    table = arn(TEMPLATE, "DriftTable")
    for action in ("dynamodb:GetItem", "dynamodb:UpdateItem"):
        assert allowed(TEMPLATE, "OperatorPolicy", "cxr-alert-drift", action, table)
    assert actions(TEMPLATE, "OperatorPolicy") == {
        "cloudformation:DescribeStacks", "dynamodb:GetItem", "dynamodb:UpdateItem", "kms:Decrypt",
    }  # fmt: skip


def test_alarms_look_for_the_metrics_where_the_function_puts_them() -> None:
    own = [
        metric
        for alarm in TEMPLATE.of_type("AWS::CloudWatch::Alarm")
        for metric in metrics_of(TEMPLATE.properties(alarm))
        if metric["Namespace"] == NAMESPACE
    ]
    assert {each["MetricName"] for each in own} == {"DriftSignals", "DriftDaysBehind"}
    for each in own:
        given = {dimension["Name"]: dimension["Value"] for dimension in each["Dimensions"]}
        assert given == {"service": drift.handler.SERVICE, "stack": {"Ref": "Application"}}


def test_the_item_is_encrypted_with_the_applications_key() -> None:
    encryption = TEMPLATE.properties("DriftTable")["SSESpecification"]
    key = {"Fn::ImportValue": {"Sub": "${Application}-KeyArn"}}
    assert encryption["KMSMasterKeyId"] == key
    assert TEMPLATE.properties("Log")["KmsKeyId"] == key
