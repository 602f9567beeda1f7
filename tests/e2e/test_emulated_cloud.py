"""The emulator is not more lenient than AWS in permissions and storage."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from cxr_alert.local import environment
from tests.e2e.application import POSITIVE, Application, wait_until

TRAIL = "narrowed"


@pytest.fixture
def operator(application: Application) -> Iterator[dict[str, str]]:
    """The credentials of a user with the stacks' policies for operators and nothing else."""
    stack = application.stack
    iam: Any = stack.client("iam")
    sts: Any = stack.client("sts")
    name = f"operator-{uuid4().hex[:8]}"
    account = sts.get_caller_identity()["Account"]
    trusted = {"AWS": f"arn:aws:iam::{account}:root"}
    trust = {"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    policies = [stack.outputs[f"{each}OperatorPolicyArn"] for each in ("", "Worklist", "Results")]
    for policy in policies:
        iam.attach_role_policy(RoleName=name, PolicyArn=policy)
    found = sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    yield {
        "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
        "AWS_SESSION_TOKEN": found["SessionToken"],
    }
    for policy in policies:
        iam.detach_role_policy(RoleName=name, PolicyArn=policy)
    iam.delete_role(RoleName=name)


def test_the_operators_policies_suffice_for_every_command(
    application: Application, operator: dict[str, str], tmp_path: Path
) -> None:
    application.drop("operated/film.jpeg", POSITIVE)
    application.record("operated/film.jpeg", alert="SENT")
    reader = f"reader-{uuid4().hex[:8]}"
    for command in (
        ["status"],
        ["check"],
        ["look-up", "operated/film.jpeg"],
        ["list", "positives"],
        ["reconcile", "operated/"],
        ["redrive"],
        ["rescreen", "operated/"],
        ["enlist"],
        ["unreviewed"],
        ["performance"],
        ["export", "--out", str(tmp_path / "out")],
        ["add-reader", reader, "--email", "reader@example.org"],
    ):
        done = application.typed(*command, **operator)
        assert "AccessDenied" not in done.stderr, (command, done.stderr)
        # `status` and `export` may end with 1: nobody gets the alarms, no film is reviewed.
        assert done.returncode == 0 or command[0] in ("status", "export"), (command, done.stderr)


def test_permission_for_a_log_group_alone_does_not_allow_reading_it(
    application: Application,
) -> None:
    stack = application.stack
    iam: Any = stack.client("iam")
    sts: Any = stack.client("sts")
    account = sts.get_caller_identity()["Account"]
    group = stack.outputs["LogGroupName"]
    log = f"arn:aws:logs:{environment.REGION}:{account}:log-group:{group}"
    user = f"reads-{uuid4().hex[:8]}"
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    logs = environment.session().client(
        "logs",
        endpoint_url=stack.endpoint_url,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    try:
        for resource, allowed in ((log, False), (f"{log}:*", True)):
            allow = {"Effect": "Allow", "Action": "logs:FilterLogEvents", "Resource": resource}
            document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
            iam.put_user_policy(UserName=user, PolicyName="reads", PolicyDocument=document)
            expected = contextlib.nullcontext() if allowed else pytest.raises(ClientError)
            with expected as refused:
                logs.filter_log_events(logGroupName=group, limit=1)
            assert allowed or "AccessDenied" in str(refused)
    finally:
        iam.delete_user_policy(UserName=user, PolicyName="reads")
        iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
        iam.delete_user(UserName=user)


def test_a_table_that_refuses_deletion_stays(application: Application) -> None:
    table = application.stack.outputs["ScreeningsTableName"]
    with pytest.raises(ClientError, match="deletion protection"):
        application.stack.dynamodb.delete_table(TableName=table)
    assert table in application.stack.dynamodb.list_tables()["TableNames"]


def trail_template(key_actions: list[str]) -> dict[str, Any]:
    arn = {"Fn::Sub": "arn:aws:cloudtrail:${AWS::Region}:${AWS::AccountId}:trail/" + TRAIL}
    service = {"Service": "cloudtrail.amazonaws.com"}

    def allow(action: Any, resource: Any, **more: str) -> dict[str, Any]:
        return {
            "Effect": "Allow",
            "Principal": service,
            "Action": action,
            "Resource": resource,
            "Condition": {"StringEquals": {"aws:SourceArn": arn, **more}},
        }

    bucket = {"Fn::GetAtt": ["Log", "Arn"]}
    within = {"Fn::Sub": "${Log.Arn}/AWSLogs/${AWS::AccountId}/*"}
    return {
        "Resources": {
            "Key": {
                "Type": "AWS::KMS::Key",
                "Properties": {"KeyPolicy": {"Statement": [allow(key_actions, "*")]}},
            },
            "Log": {"Type": "AWS::S3::Bucket"},
            "LogPolicy": {
                "Type": "AWS::S3::BucketPolicy",
                "Properties": {
                    "Bucket": {"Ref": "Log"},
                    "PolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": [
                            allow("s3:GetBucketAcl", bucket),
                            allow(
                                "s3:PutObject",
                                within,
                                **{"s3:x-amz-acl": "bucket-owner-full-control"},
                            ),
                        ],
                    },
                },
            },
            "Trail": {
                "Type": "AWS::CloudTrail::Trail",
                "DependsOn": "LogPolicy",
                "Properties": {
                    "TrailName": TRAIL,
                    "IsLogging": True,
                    "S3BucketName": {"Ref": "Log"},
                    "KMSKeyId": {"Fn::GetAtt": ["Key", "Arn"]},
                    "AdvancedEventSelectors": [
                        {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}]}
                    ],
                },
            },
        }
    }


@pytest.mark.parametrize(
    ("actions", "state"),
    [
        (["kms:GenerateDataKey*", "kms:Decrypt", "kms:DescribeKey"], "CREATE_COMPLETE"),
        (["kms:GenerateDataKey*"], "ROLLBACK_COMPLETE"),
    ],
)
def test_a_trail_needs_more_permissions_of_the_key_than_data_keys(
    application: Application, actions: list[str], state: str
) -> None:
    client: Any = application.stack.client("cloudformation")
    name = f"trail-{uuid4().hex[:8]}"
    client.create_stack(StackName=name, TemplateBody=json.dumps(trail_template(actions)))

    def ended() -> str:
        (found,) = client.describe_stacks(StackName=name)["Stacks"]
        status: str = found["StackStatus"]
        return "" if status.endswith("IN_PROGRESS") else status

    try:
        assert wait_until(ended, "the stack's end") == state
        reasons = str(client.describe_stack_events(StackName=name)["StackEvents"])
        assert ("InsufficientEncryptionPolicyException" in reasons) == (state[0] == "R")
    finally:
        client.delete_stack(StackName=name)
