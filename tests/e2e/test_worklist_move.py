"""A new stack adopts a former worklist, without loss of a review."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import pytest
import urllib3

from cxr_alert.local import emulator, environment, processes

TABLE = """
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: film, AttributeType: S }]
      KeySchema: [{ AttributeName: film, KeyType: HASH }]
"""
# The parts of the application that concern the worklist: with a worklist, and without one.
AFTER = """
Resources:
  Key: { Type: AWS::KMS::Key, Properties: { KeyPolicy: {} } }
Outputs:
  KeyArn: { Value: !GetAtt Key.Arn, Export: { Name: !Sub "${AWS::StackName}-KeyArn" } }
"""
BEFORE = AFTER.replace(
    "Outputs:",
    f"""  WorklistTable:{TABLE}
  ReviewsTable:{TABLE}
  ReaderPool:
    Type: AWS::Cognito::UserPool
    DeletionPolicy: Retain
    Properties: {{ UserPoolName: !Sub "${{AWS::StackName}}-readers" }}
Outputs:
  Reviews: {{ Value: !Ref ReviewsTable }}
  Entries: {{ Value: !Ref WorklistTable }}
  Pool: {{ Value: !Ref ReaderPool }}""",
)
REVIEW: Mapping[str, Any] = {"film": {"S": "a film"}, "note": {"S": "what a reader wrote"}}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    state = tmp_path_factory.mktemp("move")
    (state / "tmp").mkdir()
    (port,) = processes.free_ports(1)
    child = emulator.start(port, "http://127.0.0.1:1", state, {})
    try:
        emulator.wait(child, port, state)
        yield emulator.url(port)
    finally:
        processes.stop(processes.belonging_to(state))
        child.wait()
        shutil.rmtree(state / "tmp")


@pytest.fixture
def address(cloud: str) -> str:
    """Return the address of an account with nothing in it."""
    assert urllib3.request("POST", f"{cloud}/_ministack/reset").status == HTTPStatus.OK
    return cloud


def client(address: str, service: str) -> Any:
    create: Any = environment.session().client
    return create(service, endpoint_url=address, config=environment.client_config())


def adopt(address: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cxr_alert.operate.adopt_worklist", *options]
    environ = {**os.environ, **environment.aws(address)}
    return subprocess.run(
        command, cwd=processes.ROOT, env=environ, capture_output=True, text=True, check=False
    )


def test_a_new_stack_adopts_tables_and_logins(address: str) -> None:
    stacks, tables = client(address, "cloudformation"), client(address, "dynamodb")
    stacks.create_stack(StackName="cxr-alert", TemplateBody=BEFORE)
    stacks.get_waiter("stack_create_complete").wait(StackName="cxr-alert")
    (stack,) = stacks.describe_stacks(StackName="cxr-alert")["Stacks"]
    old = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    tables.put_item(TableName=old["Reviews"], Item=REVIEW)
    stacks.update_stack(StackName="cxr-alert", TemplateBody=AFTER)
    stacks.get_waiter("stack_update_complete").wait(StackName="cxr-alert")

    shown = adopt(address)
    assert shown.returncode == 0, shown.stderr
    assert old["Reviews"] in shown.stdout
    names = [each["StackName"] for each in stacks.describe_stacks()["Stacks"]]
    assert names == ["cxr-alert"], "without --yes it only shows what it found"

    done = adopt(address, "--yes")
    assert done.returncode == 0, done.stderr
    found = stacks.describe_stack_resources(StackName="cxr-alert-worklist")["StackResources"]
    adopted = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}
    assert adopted == {
        "EntriesTable": old["Entries"],
        "ReviewsTable": old["Reviews"],
        "ReaderPool": old["Pool"],
    }
    assert tables.scan(TableName=adopted["ReviewsTable"])["Items"] == [REVIEW]


def test_a_worklist_that_was_taken_down_comes_back_with_its_reviews(address: str) -> None:
    stacks, tables = client(address, "cloudformation"), client(address, "dynamodb")
    stacks.create_stack(StackName="cxr-alert", TemplateBody=AFTER)
    stacks.get_waiter("stack_create_complete").wait(StackName="cxr-alert")
    own = BEFORE.replace("AWS::StackName}-readers", "Application}-readers")
    own = own.replace("WorklistTable", "EntriesTable").partition("Outputs:")[0]
    own = f"Parameters: {{ Application: {{ Type: String, Default: cxr-alert }} }}\n{own}"
    stacks.create_stack(StackName="cxr-alert-worklist", TemplateBody=own)
    stacks.get_waiter("stack_create_complete").wait(StackName="cxr-alert-worklist")
    found = stacks.describe_stack_resources(StackName="cxr-alert-worklist")["StackResources"]
    old = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}
    tables.put_item(TableName=old["ReviewsTable"], Item=REVIEW)
    stacks.delete_stack(StackName="cxr-alert-worklist")
    stacks.get_waiter("stack_delete_complete").wait(StackName="cxr-alert-worklist")

    done = adopt(address, "--yes")
    assert done.returncode == 0, done.stderr
    found = stacks.describe_stack_resources(StackName="cxr-alert-worklist")["StackResources"]
    adopted = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}
    assert adopted == {name: old[name] for name in ("EntriesTable", "ReviewsTable", "ReaderPool")}
    assert tables.scan(TableName=adopted["ReviewsTable"])["Items"] == [REVIEW]


def test_without_a_former_worklist_the_command_reports_it(address: str) -> None:
    answer = adopt(address, "--yes")
    assert answer.returncode == 1
    assert "left no worklist" in answer.stderr
