"""What an endpoint consists of in AWS: made, changed and removed as one.

Everything that is made carries a tag with the endpoint's name, so that it is found again, and
nothing else is ever removed.
"""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from training.sagemaker.cloud import Address, Client, CloudError, address

VARIANT = "main"  # kept from update to update: AWS shifts traffic between variants of one name
OWNED = "cxr-alert:endpoint"
UPLOADED = "cxr-alert:uploaded"
BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
COOL_DOWN = {"ScaleOutCooldown": 60, "ScaleInCooldown": 300}

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Serverless:
    memory_mb: int
    concurrency: int


@dataclass(frozen=True)
class Instances:
    """`most` above `count` scales by `invocations` a minute per instance.

    `capture` is where requests and answers are kept, encrypted by `kms_key`.
    """

    type: str
    count: int
    most: int
    invocations: int
    capture: Address | None = None
    kms_key: str | None = None


@dataclass(frozen=True)
class Plan:
    """The endpoint as it is to be; `upload` is the file to put at `artefact` first."""

    endpoint: str
    image: str
    artefact: Address
    role: str
    runs_on: Serverless | Instances
    upload: Path | None = None


@dataclass(frozen=True)
class Step:
    """One request to AWS, and the one that takes it back."""

    service: str
    operation: str
    request: dict[str, Any]
    undo: tuple[str, dict[str, Any]] | None = None


def new_name(endpoint: str) -> str:
    """A name for an endpoint's next model and configuration."""
    return f"{endpoint}-{datetime.now(UTC):%Y%m%d%H%M%S}"


def steps(plan: Plan, name: str, update: bool) -> list[Step]:
    """All requests that make the endpoint, or change the one that is there, in their order."""
    tags = [{"Key": OWNED, "Value": plan.endpoint}]
    uploaded = [{"Key": UPLOADED, "Value": str(plan.artefact)}] if plan.upload else []
    model = Step(
        "sagemaker",
        "create_model",
        {
            "ModelName": name,
            "ExecutionRoleArn": plan.role,
            "PrimaryContainer": {"Image": plan.image, "ModelDataUrl": str(plan.artefact)},
            "Tags": tags + uploaded,
        },
        ("delete_model", {"ModelName": name}),
    )
    config = Step(
        "sagemaker",
        "create_endpoint_config",
        _config(plan.runs_on, name) | {"Tags": tags},
        ("delete_endpoint_config", {"EndpointConfigName": name}),
    )
    endpoint: dict[str, Any] = {"EndpointName": plan.endpoint, "EndpointConfigName": name}
    if isinstance(plan.runs_on, Serverless):
        made = [model, config]
        last = []
        careful = {}
    else:
        made = [model, config, *_alarms(plan.endpoint, tags)]
        last = _scaling(plan.endpoint, plan.runs_on)
        careful = {"DeploymentConfig": _canary(plan.endpoint, plan.runs_on.count)}
    if update:
        change = Step("sagemaker", "update_endpoint", endpoint | careful | _kept(plan.runs_on))
    else:
        change = Step(
            "sagemaker",
            "create_endpoint",
            endpoint | {"Tags": tags},
            ("delete_endpoint", {"EndpointName": plan.endpoint}),
        )
    return [*made, change, *last]


def _kept(runs_on: Serverless | Instances) -> dict[str, Any]:
    """An endpoint that scales keeps the instances that it has now: the load calls for them."""
    scales = isinstance(runs_on, Instances) and runs_on.most > runs_on.count
    return {"RetainAllVariantProperties": True} if scales else {}


def _config(runs_on: Serverless | Instances, name: str) -> dict[str, Any]:
    variant: dict[str, Any] = {"VariantName": VARIANT, "ModelName": name}
    config: dict[str, Any] = {"EndpointConfigName": name, "ProductionVariants": [variant]}
    if isinstance(runs_on, Serverless):
        variant["ServerlessConfig"] = {
            "MemorySizeInMB": runs_on.memory_mb,
            "MaxConcurrency": runs_on.concurrency,
        }
        return config
    variant |= {"InstanceType": runs_on.type, "InitialInstanceCount": runs_on.count}
    if runs_on.capture:
        config["DataCaptureConfig"] = {
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": str(runs_on.capture),
            "KmsKeyId": runs_on.kms_key,
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        }
    return config


def alarm_names(endpoint: str) -> tuple[str, str]:
    return f"{endpoint}-deployment-errors", f"{endpoint}-deployment-latency"


def _alarms(endpoint: str, tags: list[dict[str, str]]) -> list[Step]:
    """What rolls an update back: a share of answers that are 5xx, or a mean latency."""
    errors, latency = alarm_names(endpoint)
    found = []
    for name, metric, threshold in (
        (errors, "Invocation5XXErrors", 0.05),
        (latency, "ModelLatency", 5_000_000.0),  # microseconds
    ):
        request = {
            "AlarmName": name,
            "Namespace": "AWS/SageMaker",
            "MetricName": metric,
            "Dimensions": [
                {"Name": "EndpointName", "Value": endpoint},
                {"Name": "VariantName", "Value": VARIANT},
            ],
            "Statistic": "Average",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": threshold,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
            "Tags": tags,
        }
        undo = "delete_alarms", {"AlarmNames": [name]}
        found.append(Step("cloudwatch", "put_metric_alarm", request, undo))
    return found


def _canary(endpoint: str, count: int) -> dict[str, Any]:
    """Traffic goes to a tenth of several new instances first; the old ones stay for a while."""
    routing: dict[str, Any] = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 300}
    if count > 1:
        size = {"Type": "INSTANCE_COUNT", "Value": max(1, count // 10)}
        routing |= {"Type": "CANARY", "CanarySize": size}
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": routing,
            "TerminationWaitInSeconds": 120,
        },
        "AutoRollbackConfiguration": {
            "Alarms": [{"AlarmName": name} for name in alarm_names(endpoint)]
        },
    }


def _scaling(endpoint: str, instances: Instances) -> list[Step]:
    if instances.most <= instances.count:
        return []
    target = _scalable_target(endpoint)
    policy = {
        "TargetValue": float(instances.invocations),
        "PredefinedMetricSpecification": {
            "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
        },
        **COOL_DOWN,
    }
    return [
        Step(
            "application-autoscaling",
            "register_scalable_target",
            target | {"MinCapacity": instances.count, "MaxCapacity": instances.most},
            ("deregister_scalable_target", target),
        ),
        Step(
            "application-autoscaling",
            "put_scaling_policy",
            target
            | {
                "PolicyName": f"{endpoint}-invocations",
                "PolicyType": "TargetTrackingScaling",
                "TargetTrackingScalingPolicyConfiguration": policy,
            },
        ),
    ]


def _scalable_target(endpoint: str) -> dict[str, Any]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint}/variant/{VARIANT}",
        "ScalableDimension": DIMENSION,
    }


class Hosting:
    """The endpoints of one account; `tell` hears what goes on, looked at every `pause` seconds."""

    def __init__(self, session: boto3.Session, tell: Tell, pause: float = 10.0) -> None:
        self._session = session
        self._sagemaker: Client = session.client("sagemaker")
        self._tell = tell
        self._pause = pause

    def is_there(self, plan: Plan) -> bool:
        """Whether it is, to be updated; raises CloudError where it can't be, or isn't ours."""
        endpoint = plan.endpoint
        found = self._describe(endpoint)
        if found is None:
            return False
        if self._tags(found["EndpointArn"]).get(OWNED) != endpoint:
            raise CloudError(
                f"Endpoint {endpoint} was not made by this command, so it is left alone: "
                "choose another --endpoint."
            )
        if found["EndpointStatus"] != "InService":
            raise CloudError(
                f"Endpoint {endpoint} is {found['EndpointStatus']}: wait until it is InService, "
                "or remove it with --delete."
            )
        if isinstance(plan.runs_on, Serverless) and self._scales(endpoint):
            raise CloudError(
                f"Endpoint {endpoint} scales its instances, which a serverless one can't: "
                "remove it with --delete first."
            )
        return True

    def make(self, plan: Plan, name: str) -> None:
        """Make or update the endpoint and wait until it serves; what fails leaves nothing behind.

        Raises CloudError with AWS's reason. Interrupted while it waits, it leaves AWS to go on.
        """
        update = self.is_there(plan)
        former = self._sagemaker.describe_endpoint(EndpointName=plan.endpoint) if update else {}
        before = {alarm["AlarmName"] for alarm in self._alarms(plan.endpoint)}
        with ExitStack() as undo:
            if plan.upload:
                s3 = self._session.client("s3")
                place = {"Bucket": plan.artefact.bucket, "Key": plan.artefact.key}
                s3.upload_file(str(plan.upload), plan.artefact.bucket, plan.artefact.key)
                undo.callback(self._try, s3, "delete_object", place)
            for step in steps(plan, name, update):
                client = self._session.client(step.service)  # type: ignore[call-overload]
                getattr(client, step.operation)(**step.request)
                if step.undo and step.request.get("AlarmName") not in before:
                    undo.callback(self._try, client, *step.undo)
                if step.operation in ("create_endpoint", "update_endpoint"):
                    self._await_service(plan.endpoint, name, undo)
                    if update:
                        undo.pop_all()  # from here on the new parts are the endpoint's
            undo.pop_all()
        if update:
            kept = (name, former["EndpointConfigName"])
            self._remove_what_was_before(plan, kept)

    def back(self, endpoint: str, *, dry_run: bool) -> tuple[str, str]:
        """Have the endpoint serve the version before again; returns that one's name, and today's.

        The two change places: the same again comes forward. Raises CloudError.
        """
        found = self._describe(endpoint)
        if found is None or self._tags(found["EndpointArn"]).get(OWNED) != endpoint:
            raise CloudError(f"There is no endpoint {endpoint} that this command made.")
        now = found["EndpointConfigName"]
        kept = [
            each for each, _ in self._owned("list_endpoint_configs", "EndpointConfig", endpoint)
        ]
        others = [each for each in kept if each != now]
        if not others:
            raise CloudError(f"Of endpoint {endpoint} no version before {now} is kept.")
        former = others[-1]
        if not dry_run:
            self._sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=former)
            with ExitStack() as nothing:
                self._await_service(endpoint, former, nothing)
        return former, now

    def delete(self, endpoint: str) -> list[str]:
        """Remove the endpoint and all that was made for it; returns what that was."""
        found = self._describe(endpoint)
        removed = []
        if found is not None:
            if self._tags(found["EndpointArn"]).get(OWNED) != endpoint:
                raise CloudError(
                    f"Endpoint {endpoint} was not made by this command; remove it by "
                    f"`aws sagemaker delete-endpoint --endpoint-name {endpoint}`."
                )
            self._settle(endpoint)
            removed += self._stop_scaling(endpoint)
            self._sagemaker.delete_endpoint(EndpointName=endpoint)
            self._await_gone(endpoint)
            removed.append(f"endpoint {endpoint}")
        removed += self._remove_alarms(endpoint)
        return removed + self._remove_parts(endpoint)

    def _describe(self, endpoint: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._sagemaker.describe_endpoint(EndpointName=endpoint)
        except ClientError as error:
            if "Could not find" in error.response["Error"]["Message"]:
                return None
            raise
        return found

    def _tags(self, arn: str) -> dict[str, str]:
        pages = self._sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn)
        return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}

    def _settle(self, endpoint: str) -> dict[str, Any]:
        """Wait until AWS has stopped working on the endpoint, and describe it."""
        while True:
            found = self._describe(endpoint)
            if found is None:
                raise CloudError(f"Endpoint {endpoint} was removed by someone else.")
            self._tell(found["EndpointStatus"])
            if found["EndpointStatus"] not in BUSY:
                return found
            time.sleep(self._pause)

    def _await_service(self, endpoint: str, name: str, undo: ExitStack) -> None:
        try:
            found = self._settle(endpoint)
        except KeyboardInterrupt:
            undo.pop_all()  # AWS lets nobody remove an endpoint that it is still making
            raise
        if found["EndpointStatus"] == "InService" and found["EndpointConfigName"] == name:
            return
        reason = found.get("FailureReason", "an alarm went off while traffic was shifted to it")
        now = "Nothing is left of it."
        if found["EndpointStatus"] == "InService":
            now = f"It is as it was before, with {found['EndpointConfigName']}."
        raise CloudError(f"Endpoint {endpoint} could not be deployed: {reason.rstrip('.')}. {now}")

    def _await_gone(self, endpoint: str) -> None:
        while self._describe(endpoint) is not None:
            self._tell("Deleting")
            time.sleep(self._pause)

    def _try(self, client: Client, operation: str, request: dict[str, Any]) -> None:
        """Take a step back; what can't be is told, and doesn't keep the others from it."""
        try:
            getattr(client, operation)(**request)
            if operation == "delete_endpoint":
                self._await_gone(request["EndpointName"])
        except (ClientError, BotoCoreError) as error:
            self._tell(f"Not removed, {operation} {request}: {error}")

    def _remove_what_was_before(self, plan: Plan, kept: Collection[str]) -> None:
        if isinstance(plan.runs_on, Serverless):
            self._remove_alarms(plan.endpoint)
        elif plan.runs_on.most <= plan.runs_on.count:
            self._stop_scaling(plan.endpoint)
        self._remove_parts(plan.endpoint, but=kept)

    def _scales(self, endpoint: str) -> bool:
        found = self._session.client("application-autoscaling").describe_scalable_targets(
            ServiceNamespace="sagemaker", ResourceIds=[_scalable_target(endpoint)["ResourceId"]]
        )
        return bool(found["ScalableTargets"])

    def _stop_scaling(self, endpoint: str) -> list[str]:
        if not self._scales(endpoint):
            return []
        scaling: Client = self._session.client("application-autoscaling")
        scaling.deregister_scalable_target(**_scalable_target(endpoint))
        return [f"scaling of {endpoint}"]

    def _alarms(self, endpoint: str) -> list[dict[str, Any]]:
        cloudwatch: Client = self._session.client("cloudwatch")
        found = cloudwatch.describe_alarms(AlarmNames=list(alarm_names(endpoint)))
        alarms: list[dict[str, Any]] = found["MetricAlarms"]
        return alarms

    def _remove_alarms(self, endpoint: str) -> list[str]:
        names = [alarm["AlarmName"] for alarm in self._alarms(endpoint)]
        if names:
            self._session.client("cloudwatch").delete_alarms(AlarmNames=names)
        return [f"alarm {name}" for name in names]

    def _remove_parts(self, endpoint: str, but: Collection[str] = ()) -> list[str]:
        """Remove the endpoint's configurations, models and uploads, except those in `but`."""
        removed = []
        for name, _ in self._owned("list_endpoint_configs", "EndpointConfig", endpoint):
            if name not in but:
                self._sagemaker.delete_endpoint_config(EndpointConfigName=name)
                removed.append(f"endpoint configuration {name}")
        for name, tags in self._owned("list_models", "Model", endpoint):
            if name not in but:
                self._sagemaker.delete_model(ModelName=name)
                removed.append(f"model {name}")
                if UPLOADED in tags:
                    place = address(tags[UPLOADED], UPLOADED)
                    self._session.client("s3").delete_object(Bucket=place.bucket, Key=place.key)
                    removed.append(str(place))
        return removed

    def _owned(
        self, operation: str, kind: str, endpoint: str
    ) -> Iterator[tuple[str, dict[str, str]]]:
        """Name and tags of each resource of this kind that was made for the endpoint."""
        pages = self._sagemaker.get_paginator(operation).paginate(NameContains=f"{endpoint}-")
        for each in [each for page in pages for each in page[f"{kind}s"]]:
            if each[f"{kind}Name"].startswith(f"{endpoint}-"):
                tags = self._tags(each[f"{kind}Arn"])
                if tags.get(OWNED) == endpoint:
                    yield each[f"{kind}Name"], tags
