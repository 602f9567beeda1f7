"""The end of a rehearsal: it removes what it made, names what AWS keeps, and can be resumed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from cxr_alert.program import main
from cxr_alert.rehearsal.journal import Journal, Kind, Thing
from cxr_alert.rehearsal.run import rehearse
from cxr_alert.rehearsal.stage import NotJudged, Refuted, Settings, Stage
from cxr_alert.rehearsal.steps import Step
from cxr_alert.rehearsal.takedown import take_down
from screening.errors import Mistake

STACK = "cxr-alert-rehearsal"
INLINE = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": "sqs:SendMessage", "Resource": "*"}],
    }
)


@pytest.fixture
def clients(aws_environment: None) -> Iterator[dict[str, Any]]:
    make: Any = boto3.client
    with mock_aws():
        names = ("s3", "dynamodb", "sqs", "iam", "kms", "cloudformation")
        yield {name: make(name, region_name="us-east-1") for name in names}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(STACK, tmp_path / "t.yaml", "cxr-alert", tmp_path / "sam", tmp_path / "c.toml")


def make_things(clients: dict[str, Any], journal: Journal) -> None:
    s3 = clients["s3"]
    s3.create_bucket(Bucket=f"{STACK}-uploads")
    s3.put_bucket_versioning(
        Bucket=f"{STACK}-uploads", VersioningConfiguration={"Status": "Enabled"}
    )
    for _ in range(2):
        s3.put_object(Bucket=f"{STACK}-uploads", Key="film.jpeg", Body=b"film")
    s3.delete_object(Bucket=f"{STACK}-uploads", Key="film.jpeg")
    clients["dynamodb"].create_table(
        TableName=f"{STACK}-table",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        DeletionProtectionEnabled=True,
    )
    clients["iam"].create_role(RoleName=f"{STACK}-operator", AssumeRolePolicyDocument=INLINE)
    queue = clients["sqs"].create_queue(QueueName=f"{STACK}-messages")["QueueUrl"]
    key = clients["kms"].create_key()["KeyMetadata"]["KeyId"]
    for thing in (
        Thing(Kind.QUEUE, queue),
        Thing(Kind.KEY, key),
        Thing(Kind.BUCKET, f"{STACK}-uploads"),
        Thing(Kind.TABLE, f"{STACK}-table"),
        Thing(Kind.ROLE, f"{STACK}-operator"),
        Thing(Kind.BUCKET, f"{STACK}-never-made"),
    ):
        journal.add(thing)


def test_every_resource_is_removed_and_those_that_aws_keeps_are_named(
    clients: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "journal.json"
    make_things(clients, Journal.read(file))
    # AWS deletes no role that has a policy of its own.
    role = {"RoleName": f"{STACK}-operator", "PolicyName": "own"}
    clients["iam"].put_role_policy(**role, PolicyDocument=INLINE)
    (left,) = take_down(Journal.read(file), STACK)
    assert left.what == f"role {STACK}-operator"
    assert "DeleteConflict" in left.why
    assert [each["name"] for each in json.loads(file.read_text())] == [f"{STACK}-operator"]
    assert clients["s3"].list_buckets()["Buckets"] == []
    assert clients["dynamodb"].list_tables()["TableNames"] == []

    clients["iam"].delete_role_policy(**role)
    assert take_down(Journal.read(file), STACK) == []
    assert json.loads(file.read_text()) == []


def test_leftovers_that_are_not_in_the_journal_are_named_too(
    clients: dict[str, Any], tmp_path: Path
) -> None:
    clients["s3"].create_bucket(Bucket=f"{STACK}-of-another-run")
    (left,) = take_down(Journal.read(tmp_path / "journal.json"), STACK)
    assert left.what == f"bucket {STACK}-of-another-run"


def _refuted(_: Stage) -> str:
    raise Refuted("AWS did otherwise in account 123456789012.")


def _not_judged(_: Stage) -> str:
    raise NotJudged("It has no alarms.")


def test_without_a_deployment_nothing_more_is_tried_and_the_report_says_why(
    clients: dict[str, Any], settings: Settings, tmp_path: Path
) -> None:
    steps = [
        Step("deploy", "A2", "It deploys.", 1, _refuted),
        Step("samples", "", "Films are screened.", 1, lambda _: "never"),
    ]
    said: list[str] = []
    report = rehearse(settings, tmp_path, said.append, steps)
    assert [each.verdict for each in report.outcomes] == ["refuted", "not reached"]
    assert report.refuted
    page = (tmp_path / "report.md").read_text()
    assert "| deploy | A2 | It deploys. | refuted | AWS did otherwise in account ACCOUNT." in page
    assert "123456789012" not in (tmp_path / "report.json").read_text()


def test_an_assumption_that_can_not_be_judged_is_not_refuted(
    clients: dict[str, Any], settings: Settings, tmp_path: Path
) -> None:
    steps = [Step("dead letters", "A1", "Alarms sound.", 1, _not_judged)]
    report = rehearse(settings, tmp_path, lambda _: None, steps)
    assert [each.verdict for each in report.outcomes] == ["not judged here"]
    assert not report.refuted


def test_it_does_not_begin_if_the_stack_exists_or_another_run_left_something(
    clients: dict[str, Any], settings: Settings, tmp_path: Path
) -> None:
    Journal.read(tmp_path / "journal.json").add(Thing(Kind.BUCKET, "left"))
    with pytest.raises(Mistake, match="--clean"):
        rehearse(settings, tmp_path, lambda _: None, [])
    (tmp_path / "journal.json").unlink()
    body = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
    clients["cloudformation"].create_stack(StackName=STACK, TemplateBody=body)
    with pytest.raises(Mistake, match="There is already a stack cxr-alert-rehearsal"):
        rehearse(settings, tmp_path, lambda _: None, [])


def test_clean_removes_the_resources_of_an_interrupted_run(
    clients: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_things(clients, Journal.read(tmp_path / "journal.json"))
    assert main(["rehearse", "--clean", "--out", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "journal.json").read_text()) == []
    clients["s3"].create_bucket(Bucket=f"{STACK}-stays")
    assert main(["rehearse", "--clean", "--out", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert f"Left over: bucket {STACK}-stays" in told.out
    assert "run the command again with --clean" in told.err


def test_without_a_built_template_it_does_nothing(
    clients: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = tmp_path / "missing.yaml"
    assert main(["rehearse", "--yes", "--template", str(template), "--out", str(tmp_path)]) == 2
    assert f"There is no {template}: run `sam build` first." in capsys.readouterr().err
