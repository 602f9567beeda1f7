"""`cxr-alert deploy`: endpoints made, changed, failed and removed."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.sagemaker.models import sagemaker_backends

from serving.shipped import SHIPPED_NETWORK
from tests.integration.sagemaker_cloud import BUCKET, ROLE, Account, account
from training.sagemaker.cloud import Address, CloudError
from training.sagemaker.hosting import Hosting, Instances, Plan, Serverless

MODEL = SHIPPED_NETWORK
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/cxr-alert:1"
REGION = "us-east-1"


@pytest.fixture(scope="module")
def aws() -> Iterator[Account]:
    with account() as found:
        found.client("s3").create_bucket(Bucket=BUCKET)
        yield found


@pytest.fixture
def session(aws_environment: None) -> Iterator[boto3.Session]:
    with mock_aws():
        found = boto3.Session(region_name=REGION)
        found.client("s3").create_bucket(Bucket=BUCKET)
        yield found


def plan(tmp_path: Path, runs_on: Serverless | Instances, part: str = "1") -> Plan:
    packed = tmp_path / "model.tar.gz"
    packed.write_bytes(b"a network")
    artefact = Address(BUCKET, f"eye/{part}/model.tar.gz")
    return Plan("eye", IMAGE, artefact, ROLE, runs_on, packed)


def left(session: boto3.Session) -> list[str]:
    """Names of everything in the account that a deploy can make."""
    sagemaker: Any = session.client("sagemaker")
    scaling: Any = session.client("application-autoscaling")
    objects = session.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])
    alarms: Any = session.client("cloudwatch").describe_alarms()
    targets = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    return [
        *(each["EndpointName"] for each in sagemaker.list_endpoints()["Endpoints"]),
        *(
            each["EndpointConfigName"]
            for each in sagemaker.list_endpoint_configs()["EndpointConfigs"]
        ),
        *(each["ModelName"] for each in sagemaker.list_models()["Models"]),
        *(each["AlarmName"] for each in alarms["MetricAlarms"]),
        *(each["ResourceId"] for each in targets),
        *(each["Key"] for each in objects),
    ]


def nobody(state: str) -> None:
    """Be told of a state."""


ONE = Instances("ml.c5.large", 1, 0, 600)
SCALED = Instances("ml.c5.large", 2, 4, 600, Address(BUCKET, "captured"), "alias/films")


def test_a_serverless_endpoint_comes_and_goes(aws: Account) -> None:
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model(ModelName="cxr-alert-theirs", ExecutionRoleArn=ROLE)
    deployed = aws.training(
        *("deploy", "--model", MODEL, "--bucket", BUCKET, "--role", ROLE, "--image", IMAGE),
        *("--serverless", "--memory", "3072", "--concurrency", "7"),
    )
    assert deployed.returncode == 0, deployed.stderr
    assert "sam deploy --parameter-overrides EndpointName=cxr-alert" in deployed.stdout
    # At most seven films at once are asked about: two batches of three.
    assert "MaximumConcurrency=2 FilmsInBatch=3 LargestBodyMB=4" in deployed.stdout
    assert "nothing while no film comes" in deployed.stdout

    endpoint = sagemaker.describe_endpoint(EndpointName="cxr-alert")
    config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    variant = config["ProductionVariants"][0]
    assert variant["ServerlessConfig"] == {"MemorySizeInMB": 3072, "MaxConcurrency": 7}
    model = sagemaker.describe_model(ModelName=variant["ModelName"])
    assert model["ExecutionRoleArn"] == ROLE
    assert model["PrimaryContainer"]["Image"] == IMAGE
    [key] = aws.keys()
    assert model["PrimaryContainer"]["ModelDataUrl"] == f"s3://{BUCKET}/{key}"

    removed = aws.training("deploy", "--delete")
    assert removed.returncode == 0, removed.stderr
    assert not aws.keys()
    assert not sagemaker.list_endpoints()["Endpoints"]
    assert not sagemaker.list_endpoint_configs()["EndpointConfigs"]
    assert [each["ModelName"] for each in sagemaker.list_models()["Models"]] == ["cxr-alert-theirs"]
    again = aws.training("deploy", "--delete")
    assert again.returncode == 2
    assert "There is no endpoint cxr-alert in us-east-1." in again.stderr


def test_a_dry_run_makes_nothing(aws: Account) -> None:
    result = aws.training(
        *("deploy", "--model", MODEL, "--bucket", BUCKET, "--role", ROLE, "--image", IMAGE),
        *("--instances", "2", "--max-instances", "4", "--dry-run"),
    )
    assert result.returncode == 0, result.stderr
    assert '"InitialInstanceCount": 2' in result.stdout
    assert "$149.12 a month, $298.04 with all 4" in result.stdout
    assert not aws.keys()
    assert not aws.client("sagemaker").list_endpoint_configs()["EndpointConfigs"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--model", str(MODEL)], "--bucket is missing"),
        (["--model", str(MODEL), "--bucket", BUCKET], "--image is missing"),
        (["--model", str(MODEL), "--bucket", BUCKET, "--image", IMAGE], "--role is missing"),
        (["--model", "README.md", "--bucket", BUCKET], "README.md is no ONNX network"),
        (["--artefact", f"s3://{BUCKET}/nothing.tar.gz"], "Not Found"),
        (["--artefact", "model.tar.gz"], "--artefact must be of the form s3://"),
        (["--job", "no-such-job"], "no-such-job"),
        (["--model", str(MODEL), "--capture", "s3://films/x"], "--capture needs a --kms-key"),
    ],
)
def test_a_mistake_is_one_sentence(aws: Account, arguments: list[str], complaint: str) -> None:
    result = aws.training("deploy", *arguments)
    assert result.returncode == 2
    assert complaint in result.stderr
    assert "Traceback" not in result.stderr


def test_instances_scale_capture_and_go(session: boto3.Session, tmp_path: Path) -> None:
    hosting = Hosting(session, nobody)
    hosting.make(plan(tmp_path, SCALED), "eye-1")
    sagemaker: Any = session.client("sagemaker")
    config = sagemaker.describe_endpoint_config(EndpointConfigName="eye-1")
    assert config["DataCaptureConfig"]["KmsKeyId"] == "alias/films"
    assert config["DataCaptureConfig"]["DestinationS3Uri"] == f"s3://{BUCKET}/captured"
    scaling: Any = session.client("application-autoscaling")
    [policy] = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    tracked = policy["TargetTrackingScalingPolicyConfiguration"]
    assert tracked["PredefinedMetricSpecification"] == {
        "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
    }
    assert len(hosting.delete("eye")) == 7
    assert left(session) == []


@pytest.mark.parametrize("runs_on", [ONE, SCALED, Serverless(2048, 5)])
def test_a_failed_deploy_leaves_nothing_and_says_why(
    session: boto3.Session, tmp_path: Path, runs_on: Serverless | Instances
) -> None:
    def fail(**_: object) -> None:
        endpoint: Any = sagemaker_backends["123456789012"][REGION].endpoints["eye"]
        endpoint.endpoint_status = "Failed"
        endpoint.failure_reason = "The image 'cxr-alert:1' does not exist."

    session.events.register("after-call.sagemaker.CreateEndpoint", fail)
    with pytest.raises(CloudError, match=r"The image 'cxr-alert:1' does not exist\. Nothing is"):
        Hosting(session, nobody).make(plan(tmp_path, runs_on), "eye-1")
    assert left(session) == []


@pytest.mark.parametrize(
    "refused",
    [
        "cloudwatch.PutMetricAlarm",
        "sagemaker.CreateModel",
        "sagemaker.CreateEndpointConfig",
        "sagemaker.CreateEndpoint",
        "application-auto-scaling.RegisterScalableTarget",
        "application-auto-scaling.PutScalingPolicy",
    ],
)
def test_whatever_aws_refuses_nothing_is_left(
    session: boto3.Session, tmp_path: Path, refused: str
) -> None:
    def refuse(**_: object) -> Any:
        told = {"Error": {"Code": "AccessDenied", "Message": "no"}}
        return SimpleNamespace(status_code=403), told

    session.events.register(f"before-call.{refused}", refuse)
    with pytest.raises(Exception, match="AccessDenied"):
        Hosting(session, nobody).make(plan(tmp_path, SCALED), "eye-1")
    assert left(session) == []


def test_a_deploy_that_is_interrupted_goes_on_in_aws(
    session: boto3.Session, tmp_path: Path
) -> None:
    def interrupt(state: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Hosting(session, interrupt).make(plan(tmp_path, Serverless(2048, 5)), "eye-1")
    assert left(session) == ["eye", "eye-1", "eye-1", "eye/1/model.tar.gz"]


class Updates:
    """AWS's UpdateEndpoint, which moto has not; it ends `well` or rolls back."""

    def __init__(self, session: boto3.Session, well: bool) -> None:
        self.requests: list[dict[str, Any]] = []
        self.well = well
        events = session.events
        events.register("provide-client-params.sagemaker.UpdateEndpoint", self._note)
        events.register("before-call.sagemaker.UpdateEndpoint", self._answer)

    def _note(self, params: dict[str, Any], **_: object) -> None:
        self.requests.append(params)

    def _answer(self, **_: object) -> Any:
        if self.well:
            endpoint = sagemaker_backends["123456789012"][REGION].endpoints["eye"]
            endpoint.endpoint_config_name = self.requests[-1]["EndpointConfigName"]
        return SimpleNamespace(status_code=200), {"EndpointArn": "arn"}


def test_an_update_is_a_canary_with_alarms_and_keeps_the_version_before_to_go_back_to(
    session: boto3.Session, tmp_path: Path
) -> None:
    updates = Updates(session, well=True)
    hosting = Hosting(session, nobody)
    hosting.make(plan(tmp_path, SCALED), "eye-1")
    hosting.make(plan(tmp_path, SCALED, "2"), "eye-2")
    [update] = updates.requests
    assert update["RetainAllVariantProperties"] is True, "the load may call for more than two now"
    policy = update["DeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert policy["Type"] == "CANARY"
    assert policy["CanarySize"] == {"Type": "INSTANCE_COUNT", "Value": 1}
    alarms = update["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]
    names = {alarm["AlarmName"] for alarm in alarms}
    assert names <= set(left(session))
    assert "eye-2" in left(session)
    assert "eye/2/model.tar.gz" in left(session)
    assert {"eye-1", "eye/1/model.tar.gz"} <= set(left(session))

    assert hosting.back("eye", dry_run=True) == ("eye-1", "eye-2")
    assert len(updates.requests) == 1
    assert hosting.back("eye", dry_run=False) == ("eye-1", "eye-2")
    assert updates.requests[-1]["EndpointConfigName"] == "eye-1"
    hosting.make(plan(tmp_path, SCALED, "3"), "eye-3")
    assert {"eye-1", "eye-3", "eye/3/model.tar.gz"} <= set(left(session))
    assert not {"eye-2", "eye/2/model.tar.gz"} & set(left(session))


def test_there_is_nothing_to_go_back_to_after_the_first_deploy(
    session: boto3.Session, tmp_path: Path
) -> None:
    hosting = Hosting(session, nobody)
    hosting.make(plan(tmp_path, ONE), "eye-1")
    with pytest.raises(CloudError, match="no version before eye-1 is kept"):
        hosting.back("eye", dry_run=False)
    with pytest.raises(CloudError, match="no endpoint ear that this command made"):
        hosting.back("ear", dry_run=False)


def test_an_update_that_rolls_back_leaves_what_was(session: boto3.Session, tmp_path: Path) -> None:
    Updates(session, well=False)
    hosting = Hosting(session, nobody)
    hosting.make(plan(tmp_path, SCALED), "eye-1")
    before = left(session)
    with pytest.raises(CloudError, match=r"an alarm went off .* as it was before, with eye-1"):
        hosting.make(plan(tmp_path, SCALED, "2"), "eye-2")
    assert left(session) == before


def test_a_strangers_endpoint_is_left_alone(session: boto3.Session, tmp_path: Path) -> None:
    sagemaker: Any = session.client("sagemaker")
    sagemaker.create_model(ModelName="eye-own", ExecutionRoleArn=ROLE)
    variant = {"VariantName": "main", "ModelName": "eye-own", "InstanceType": "ml.m5.large"}
    config = {"EndpointConfigName": "eye-own", "ProductionVariants": [variant]}
    sagemaker.create_endpoint_config(**config)
    sagemaker.create_endpoint(EndpointName="eye", EndpointConfigName="eye-own")
    before = left(session)
    for act in (
        lambda: Hosting(session, nobody).make(plan(tmp_path, ONE), "eye-1"),
        lambda: Hosting(session, nobody).delete("eye"),
    ):
        with pytest.raises(CloudError, match="was not made by this command"):
            act()
    assert left(session) == before
