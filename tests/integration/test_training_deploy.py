"""`cxr-alert deploy`: endpoints created, changed, rolled back, refused, failed and removed."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.model import OperationModel

from tests.integration.sagemaker_cloud import BUCKET, IMAGE, ROLE, Account, account
from tests.integration.serving_container import brightness_network
from training.sagemaker.cloud import Address, CloudError
from training.sagemaker.endpoint import Plan, Served, Serverless, Stack, parameters

# Moto's CloudFormation ignores alarms and scaling: test_endpoint_template.py checks them.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS::")

NEXT_IMAGE = IMAGE.replace(":1", ":2")
Typed = tuple[str | Path, ...]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return brightness_network(tmp_path_factory.mktemp("network") / "network.onnx")


@pytest.fixture(scope="module")
def ours(network: Path) -> Typed:
    return ("deploy", "--model", network, "--bucket", BUCKET, "--image", IMAGE)


@pytest.fixture(scope="module")
def serverless(ours: Typed) -> Typed:
    return (*ours, "--serverless")


@pytest.fixture
def aws() -> Iterator[Account]:
    with account() as found:
        found.client("s3").create_bucket(Bucket=BUCKET)
        yield found


def deployed(aws: Account, *arguments: str | Path) -> str:
    result = aws.typed(*arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


def refused(aws: Account, *arguments: str | Path) -> str:
    result = aws.typed(*arguments)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    return result.stderr


def variant(aws: Account, endpoint: str = "cxr-alert") -> dict[str, Any]:
    sagemaker = aws.client("sagemaker")
    config = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    found: dict[str, Any] = sagemaker.describe_endpoint_config(EndpointConfigName=config)
    return dict(found["ProductionVariants"][0])


def model(aws: Account, endpoint: str = "cxr-alert") -> dict[str, Any]:
    name = variant(aws, endpoint)["ModelName"]
    return dict(aws.client("sagemaker").describe_model(ModelName=name))


def test_a_serverless_endpoint_is_created_and_removed(aws: Account, serverless: Typed) -> None:
    told = deployed(aws, *serverless, "--memory", "3072", "--concurrency", "7")
    assert told.index("nothing while no film comes") < told.index("cxr-alert is in service")
    # Two batches of two films, and two films of a backfill: at most seven at once.
    assert "EndpointName=cxr-alert MaximumConcurrency=2 FilmsInBatch=2 LargestBodyMB=4" in told

    assert variant(aws)["ServerlessConfig"] == {"MemorySizeInMB": 3072, "MaxConcurrency": 7}
    [key] = aws.keys()
    container = model(aws)["PrimaryContainer"]
    assert container["Image"] == IMAGE
    assert container["ModelDataUrl"] == f"s3://{BUCKET}/{key}"

    assert "Removed endpoint cxr-alert" in deployed(aws, "deploy", "--delete")
    assert aws.keys() == {key}, "a network that was served stays"
    sagemaker = aws.client("sagemaker")
    assert not sagemaker.list_endpoints()["Endpoints"]
    assert not sagemaker.list_endpoint_configs()["EndpointConfigs"]
    assert not sagemaker.list_models()["Models"]
    assert not aws.client("iam").list_roles()["Roles"]
    assert "There is no endpoint cxr-alert" in refused(aws, "deploy", "--delete")


def test_a_dry_run_needs_no_account_and_makes_nothing(
    aws: Account, ours: Typed, serverless: Typed
) -> None:
    nobody = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_ENDPOINT_URL": ""}
    scaled = ("--instances", "2", "--max-instances", "4", "--dry-run")
    result = aws.typed(*ours, *scaled, **nobody)
    assert result.returncode == 0, result.stderr
    assert "MaxInstances=4" in result.stdout
    assert "$149.12 a month, $298.04 with all 4" in result.stdout
    assert "Nothing was made." in result.stdout
    told = json.loads(deployed(aws, *serverless, "--dry-run", "--json"))
    assert told["parameters"]["RunsOn"] == "serverless"
    deployed(aws, "deploy", "--delete", "--dry-run")
    assert not aws.keys()
    assert not aws.client("cloudformation").list_stacks()["StackSummaries"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--model", "{network}"], "--bucket is missing"),
        (["--model", "{network}", "--bucket", BUCKET], "--image is missing"),
        (
            ["--model", "{network}", "--bucket", BUCKET, "--image", "cxr:1"],
            "--image must be a cont",
        ),
        (["--model", "README.md", "--bucket", BUCKET], "README.md is not an ONNX network"),
        (["--artefact", f"s3://{BUCKET}/nothing.tar.gz"], "Not Found"),
        (["--artefact", "model.tar.gz"], "--artefact must be of the form s3://"),
        (["--job", "no-such-job"], "no-such-job"),
        (["--model", "{network}", "--capture", "s3://films/x"], "--capture needs a --kms-key"),
        (["--back"], "This command has not created an endpoint cxr-alert"),
    ],
)
def test_a_mistake_is_one_sentence(
    aws: Account, network: Path, arguments: list[str], complaint: str
) -> None:
    asked = [each.format(network=network) for each in arguments]
    assert complaint in refused(aws, "deploy", *asked)


def test_a_change_keeps_the_previous_model_for_a_rollback(aws: Account, ours: Typed) -> None:
    deployed(aws, *ours)
    before = variant(aws)["ModelName"]
    assert "no earlier network than films/cxr-alert/" in refused(aws, "deploy", "--back")

    told = deployed(aws, *ours[:-1], NEXT_IMAGE, "--instances", "2")
    assert "cxr-alert is updated" in told
    assert variant(aws)["ModelName"] != before, "a model can't be changed, so it is replaced"
    assert variant(aws)["InitialInstanceCount"] == 2
    assert model(aws)["PrimaryContainer"]["Image"] == NEXT_IMAGE
    deployed(aws, *ours[:-1], NEXT_IMAGE)  # the served network is the same: the previous one stays

    assert "would serve" in deployed(aws, "deploy", "--back", "--dry-run")
    assert model(aws)["PrimaryContainer"]["Image"] == NEXT_IMAGE
    for image in (IMAGE, NEXT_IMAGE):  # the same network again
        assert "cxr-alert serves films/cxr-alert/" in deployed(aws, "deploy", "--back")
        assert model(aws)["PrimaryContainer"]["Image"] == image


def test_an_impossible_change_is_refused_before_any_upload(
    aws: Account, ours: Typed, serverless: Typed
) -> None:
    deployed(aws, *ours, "--instances", "2", "--max-instances", "4")
    [before] = aws.keys()
    aws.client("s3").delete_object(Bucket=BUCKET, Key=before)
    other = ("--max-instances", "4", "--instance-type", "ml.c5.xlarge")
    assert "deploy it without --max-instances first" in refused(aws, *ours, *other)
    assert "AWS can't convert it to no instance" in refused(aws, *serverless)
    assert not aws.keys()


def theirs(aws: Account) -> None:
    """Create an endpoint like another program, or like version 0.1."""
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model(ModelName="own", ExecutionRoleArn=ROLE)
    serves = {"VariantName": "main", "ModelName": "own", "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName="own", ProductionVariants=[serves])
    sagemaker.create_endpoint(EndpointName="cxr-alert", EndpointConfigName="own")


def test_an_endpoint_without_a_stack_is_not_changed(aws: Account, serverless: Typed) -> None:
    theirs(aws)
    for arguments in (serverless, ("deploy", "--delete"), ("deploy", "--back")):
        assert "does not belong to stack cxr-alert-endpoint" in refused(aws, *arguments)
    assert not aws.keys()
    assert variant(aws)["ModelName"] == "own"


def test_the_stack_of_another_application_is_not_changed(aws: Account, serverless: Typed) -> None:
    cloudformation = aws.client("cloudformation")
    template = {"Resources": {"Films": {"Type": "AWS::S3::Bucket"}}}
    cloudformation.create_stack(StackName="cxr-alert-endpoint", TemplateBody=json.dumps(template))
    for arguments in (serverless, ("deploy", "--delete"), ("deploy", "--back")):
        assert "was not made by this command" in refused(aws, *arguments)
    assert not aws.keys()
    [stack] = cloudformation.list_stacks()["StackSummaries"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"


STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/eye-endpoint/1"
EYE = Plan("eye", Served(IMAGE, Address(BUCKET, "eye/1/model.tar.gz")), Serverless(2048, 5))


class Failing:
    """CloudFormation with failures, which moto does not have; `asked` has its requests."""

    def __init__(
        self, session: boto3.Session, statuses: list[str], *events: tuple[str, str]
    ) -> None:
        self.asked: list[str] = []
        self._statuses = iter(statuses)
        self._events = events
        session.events.register("before-call.cloudformation", self._answer)

    def _answer(self, model: OperationModel, **_: object) -> Any:
        self.asked.append(model.name)
        return SimpleNamespace(status_code=200), getattr(self, model.name)()

    def CreateStack(self) -> Any:  # noqa: N802 - named as AWS names them
        return {"StackId": STACK}

    UpdateStack = CreateStack

    def DescribeStacks(self) -> Any:  # noqa: N802
        return {"Stacks": [{"StackStatus": next(self._statuses)}]}

    def DescribeStackEvents(self) -> Any:  # noqa: N802
        return {
            "StackEvents": [
                {
                    "LogicalResourceId": resource,
                    "PhysicalResourceId": STACK if resource == "eye-endpoint" else resource,
                    "ResourceStatus": status,
                    "ResourceStatusReason": f"{resource} is broken.",
                }
                for resource, status in self._events
            ]
        }


@pytest.fixture
def session(aws_environment: None) -> boto3.Session:
    return boto3.Session(region_name="us-east-1")


@pytest.mark.parametrize(
    ("update", "ends", "left"),
    [
        (False, "DELETE_COMPLETE", "Nothing is left of it."),
        (True, "UPDATE_ROLLBACK_COMPLETE", "It is as it was before."),
        (True, "UPDATE_ROLLBACK_FAILED", "Its stack eye-endpoint is UPDATE_ROLLBACK_FAILED."),
    ],
)
def test_a_failure_names_the_first_error_and_what_is_left(
    session: boto3.Session, update: bool, ends: str, left: str
) -> None:
    verb = "UPDATE" if update else "CREATE"
    Failing(
        session,
        [f"{verb}_IN_PROGRESS", ends],
        ("Model", f"{verb}_FAILED"),  # cancelled because of the first failure
        ("Endpoint", f"{verb}_FAILED"),
        ("eye-endpoint", f"{verb}_IN_PROGRESS"),
        ("Role", f"{verb}_FAILED"),  # of an earlier try
    )
    told: list[str] = []
    with pytest.raises(CloudError) as failed:
        Stack(session, "eye", told.append, 0).deploy(EYE, parameters(EYE, {}), update=update)
    assert str(failed.value) == f"Endpoint eye: Endpoint: Endpoint is broken. {left}"
    assert told == [f"{verb}_IN_PROGRESS"]


def test_a_deploy_that_is_interrupted_goes_on_in_aws(session: boto3.Session) -> None:
    def interrupt(status: str) -> None:
        raise KeyboardInterrupt

    cloud = Failing(session, ["CREATE_IN_PROGRESS"])
    with pytest.raises(KeyboardInterrupt):
        Stack(session, "eye", interrupt, 0).deploy(EYE, parameters(EYE, {}), update=False)
    assert cloud.asked == ["CreateStack", "DescribeStacks"]
