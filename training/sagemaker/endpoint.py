"""The stack of an endpoint: create, change, roll back and remove serving/endpoint.yaml.

There is one stack per endpoint, found by its name. Errors that CloudFormation would report late are
checked here, so that nothing is uploaded for a change that AWS will refuse.
"""

import hashlib
import re
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from serving.network import Network
from training.sagemaker.cloud import Address, Client, CloudError, address
from training.sagemaker.prices import HOURS_A_MONTH, read_prices

TEMPLATE = Path(__file__).parents[2] / "serving" / "endpoint.yaml"
OWNED = "cxr-alert:endpoint"
FILMS_A_DAY = 500  # basis of the monthly price of a serverless endpoint
LEAST_CONCURRENCY = 2  # limit of the application's MaximumConcurrency
BACKFILL_FILMS = 2  # of a backfill that the application screens at once, beside new films
MOST_IN_A_BATCH = 10
IN_ECR = re.compile(
    r"(?P<account>[0-9]{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?"
    r"/(?P<repository>[^:@]+)[:@].+"
)

KINDS = {"instances": "instances", "serverless": "no instance of its own"}
STEADY = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")

Report = Callable[[str], None]
Parameters = dict[str, str]


@dataclass(frozen=True)
class Serverless:
    memory_mb: int
    concurrency: int


@dataclass(frozen=True)
class Instances:
    """The instances; `most` above `count` scales by `invocations` a minute per instance.

    `capture` is the place of captured requests and answers, encrypted by the KMS key with the ARN
    `key`.
    """

    type: str
    count: int
    most: int
    invocations: int
    capture: Address | None = None
    key: str | None = None


@dataclass(frozen=True)
class Served:
    """A container in ECR and the packed network in S3 that it loads."""

    image: str
    artefact: Address


@dataclass(frozen=True)
class Plan:
    """The wanted state of the endpoint.

    `upload` is the network to pack and upload as the artefact.
    """

    endpoint: str
    serves: Served
    runs_on: Serverless | Instances
    upload: Path | None = None


def stack_of(endpoint: str) -> str:
    return f"{endpoint}-endpoint"


def uploaded_to(bucket: str | None, endpoint: str, network: Path) -> Address:
    """Return the place of a network, named by its content, so that the same network is stored once.

    Raises BadNetwork for a file that is not a network, CloudError if no bucket is named.
    """
    Network(network, threads=1)  # fail here rather than in an endpoint that can't start
    if bucket is None:
        raise CloudError("--bucket is missing: name the S3 bucket to upload the network to.")
    digest = hashlib.sha256(network.read_bytes()).hexdigest()
    return Address(bucket, f"{endpoint}/{digest[:16]}/model.tar.gz")


def trained_by(session: boto3.Session, job: str) -> tuple[Address, str | None]:
    """Return the packed network of a completed job, and its image if that can serve too."""
    found = session.client("sagemaker").describe_training_job(TrainingJobName=job)
    if found["TrainingJobStatus"] != "Completed":
        raise CloudError(
            f"Training job {job} is {found['TrainingJobStatus']}: "
            "only a completed one has left a network."
        )
    image = found["AlgorithmSpecification"].get("TrainingImage", "")
    artefact = address(found["ModelArtifacts"]["S3ModelArtifacts"], "The job's artefact")
    return artefact, image if "/image-classification:" in image else None


def parameters(plan: Plan, before: Mapping[str, str]) -> Parameters:
    """Return the stack's new parameters from the present ones; `before` is empty for a new stack.

    The present network becomes the one to roll back to, unless it stays the same. Raises CloudError
    for a container that is not in ECR.
    """
    image, artefact = plan.serves.image, _plain(plan.serves.artefact)
    former = before.get("PreviousImage", ""), before.get("PreviousArtefact", "")
    if before and (before["Image"], before["Artefact"]) != (image, artefact):
        former = before["Image"], before["Artefact"]
    asked = {
        "EndpointName": plan.endpoint,
        "Image": image,
        "Artefact": artefact,
        "PreviousImage": former[0],
        "PreviousArtefact": former[1],
    }
    asked |= _allowed(plan.endpoint, (image, former[0]), (artefact, former[1]))
    on = plan.runs_on
    if isinstance(on, Serverless):
        return asked | {
            "RunsOn": "serverless",
            "MemoryMB": str(on.memory_mb),
            "Concurrency": str(on.concurrency),
        }
    return asked | {
        "RunsOn": "instances",
        "InstanceType": on.type,
        "Instances": str(on.count),
        "MaxInstances": str(on.most if on.most > on.count else 0),
        "InvocationsPerInstance": str(on.invocations),
        "Capture": _plain(on.capture) if on.capture else "",
        "CaptureKey": on.key or "",
    }


def _plain(place: Address) -> str:
    return f"{place.bucket}/{place.key}"


def _allowed(endpoint: str, images: Iterable[str], artefacts: Iterable[str]) -> Parameters:
    """Return the role's rights to read and pull: all uploads for the endpoint, or one object.

    The former is the same for every network, so that no change has to wait for IAM.
    """
    pullable = set()
    for image in filter(None, images):
        found = IN_ECR.fullmatch(image)
        if found is None:
            raise CloudError(
                "--image must be a container in ECR with its tag or digest, "
                f"ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG; it is {image}."
            )
        partition = boto3.Session().get_partition_for_region(found["region"])
        place = f"{found['region']}:{found['account']}"
        pullable.add(f"arn:{partition}:ecr:{place}:repository/{found['repository']}")
    readable = set()
    for artefact in filter(None, artefacts):
        bucket, _, key = artefact.partition("/")
        allowed = f"{endpoint}/*" if key.startswith(f"{endpoint}/") else key
        readable.add(f"arn:{partition}:s3:::{bucket}/{allowed}")
    return {"Readable": ",".join(sorted(readable)), "Pullable": ",".join(sorted(pullable))}


def refuse_what_aws_would(asked: Mapping[str, str], before: Mapping[str, str]) -> None:
    """Raise CloudError for a change that AWS does not make.

    `before` is empty for a new endpoint.
    """
    if not before:
        return
    endpoint, now = asked["EndpointName"], before["RunsOn"]
    if asked["RunsOn"] != now:
        raise CloudError(
            f"Endpoint {endpoint} runs on {KINDS[now]}, and AWS can't convert it to "
            f"{KINDS[asked['RunsOn']]}: choose another --endpoint, or remove it with --delete "
            "first; films wait in the queue meanwhile."
        )
    scales = now == "instances" and before["MaxInstances"] != "0"
    if scales and asked["InstanceType"] != before["InstanceType"]:
        raise CloudError(
            f"Endpoint {endpoint} scales its {before['InstanceType']} instances, and AWS can't "
            "change their type: deploy it without --max-instances first, then with the new type."
        )


class Stack:
    """The stack of one endpoint; `report` is called with progress, polled every `pause` seconds."""

    def __init__(
        self, session: boto3.Session, endpoint: str, report: Report, pause: float = 10.0
    ) -> None:
        self._session = session
        self._cloudformation: Client = session.client("cloudformation")
        self._endpoint = endpoint
        self._name = stack_of(endpoint)
        self._report = report
        self._pause = pause

    def now(self) -> Parameters:
        """Return the parameters of the endpoint's stack, none if the stack does not exist.

        Raises CloudError if the endpoint does not belong to the stack, or can't be changed now.
        """
        served = self._served()
        found = self._ours(served)
        if found is None:
            return {}
        busy = None
        if found["StackStatus"] not in STEADY:
            busy = f"Stack {self._name} is {found['StackStatus']}"
        elif served is not None and served["EndpointStatus"] != "InService":
            busy = f"Endpoint {self._endpoint} is {served['EndpointStatus']}"
        if busy:
            raise CloudError(f"{busy}: wait until AWS is done with it, or remove it with --delete.")
        return {each["ParameterKey"]: each["ParameterValue"] for each in found["Parameters"]}

    def deploy(self, plan: Plan, asked: Parameters, *, update: bool) -> bool:
        """Upload the network and create or change the stack; return False if nothing changed.

        Waits until the endpoint serves. Raises CloudError with AWS's reason; a failure leaves no
        endpoint, or the previous one. An interruption does not stop AWS.
        """
        if plan.upload:
            self._upload(plan.upload, plan.serves.artefact)
        request = {
            "StackName": self._name,
            "TemplateBody": TEMPLATE.read_text(),
            "Parameters": _told(asked),
            "Capabilities": ["CAPABILITY_IAM"],
            "Tags": [{"Key": OWNED, "Value": self._endpoint}],
        }
        if update:
            return self._update(request)
        made = self._cloudformation.create_stack(**request, OnFailure="DELETE")
        self._await(made["StackId"], "CREATE_COMPLETE")
        return True

    def back(self, before: Parameters) -> None:
        """Return to the network that was served before.

        The present one becomes the previous one.
        """
        swapped = {
            "Image": before["PreviousImage"],
            "Artefact": before["PreviousArtefact"],
            "PreviousImage": before["Image"],
            "PreviousArtefact": before["Artefact"],
        }
        self._update(
            {
                "StackName": self._name,
                "UsePreviousTemplate": True,
                "Parameters": _told(before | swapped),
                "Capabilities": ["CAPABILITY_IAM"],
            }
        )

    def delete(self) -> None:
        """Remove the stack, and the endpoint with it; the networks in S3 stay."""
        found = self._ours(self._served())
        if found is None:
            raise CloudError(
                f"There is no endpoint {self._endpoint} of stack {self._name} "
                f"in {self._session.region_name}."
            )
        self._cloudformation.delete_stack(StackName=found["StackId"])
        self._await(found["StackId"], "DELETE_COMPLETE")

    def _ours(self, served: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """The stack as AWS describes it, once it is certain that it and what it serves are ours."""
        found = self._describe(self._name)
        if found is not None:
            tags = {each["Key"]: each["Value"] for each in found["Tags"]}
            if tags.get(OWNED) != self._endpoint:
                raise CloudError(
                    f"Stack {self._name} was not made by this command, so it is left alone: "
                    "choose another --endpoint."
                )
        if served and (found is None or served["EndpointArn"] not in self._resources()):
            raise CloudError(
                f"Endpoint {self._endpoint} does not belong to stack {self._name}, so it is left "
                "alone: choose another --endpoint, or see docs/deploy.md for one from version 0.1."
            )
        return found

    def _describe(self, stack: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._cloudformation.describe_stacks(StackName=stack)
        except ClientError as error:
            if "does not exist" in error.response["Error"]["Message"]:
                return None
            raise
        [each] = found["Stacks"]
        return dict(each)

    def _served(self) -> dict[str, Any] | None:
        sagemaker: Client = self._session.client("sagemaker")
        try:
            return dict(sagemaker.describe_endpoint(EndpointName=self._endpoint))
        except ClientError as error:
            if "Could not find" in error.response["Error"]["Message"]:
                return None
            raise

    def _resources(self) -> set[str]:
        found = self._cloudformation.describe_stack_resources(StackName=self._name)
        return {each.get("PhysicalResourceId", "") for each in found["StackResources"]}

    def _upload(self, network: Path, artefact: Address) -> None:
        self._report("Uploading")
        with tempfile.TemporaryDirectory() as folder:
            packed = pack(network, Path(folder))
            self._session.client("s3").upload_file(str(packed), artefact.bucket, artefact.key)

    def _update(self, request: Mapping[str, Any]) -> bool:
        try:
            changed = self._cloudformation.update_stack(**request)
        except ClientError as error:
            if "No updates are to be performed" in error.response["Error"]["Message"]:
                return False
            raise
        self._await(changed["StackId"], "UPDATE_COMPLETE")
        return True

    def _await(self, stack: str, wanted: str) -> None:
        """Wait until AWS has stopped working on it; `stack` is its ARN, which remains valid."""
        while (found := self._describe(stack)) is not None:
            status = found["StackStatus"]
            if status == wanted:
                return
            if not status.endswith("_IN_PROGRESS"):
                left = {
                    "DELETE_COMPLETE": "Nothing is left of it.",
                    "UPDATE_ROLLBACK_COMPLETE": "It is as it was before.",
                }.get(status, f"Its stack {self._name} is {status}.")
                raise CloudError(f"Endpoint {self._endpoint}: {self._reason(stack)}. {left}")
            self._report(status)
            time.sleep(self._pause)

    def _reason(self, stack: str) -> str:
        """Return the first failure of the last operation, in AWS's words."""
        reason = "AWS gave no reason"
        pages = self._cloudformation.get_paginator("describe_stack_events")
        for page in pages.paginate(StackName=stack):
            for event in page["StackEvents"]:  # newest first
                status = event["ResourceStatus"]
                if status.endswith("_FAILED") and event.get("ResourceStatusReason"):
                    reason = f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
                # A failed creation is deleted in the same operation, so that is not a new one.
                begun = status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")
                if begun and event.get("PhysicalResourceId") == stack:
                    return reason.rstrip(".")
        return reason.rstrip(".")


def apply(session: boto3.Session, plan: Plan, report: Report) -> tuple[Parameters, str]:
    """Make or change the endpoint; return its stack's parameters, and what became of it.

    That is `in service` for a new one, else `updated` or `as asked already`.
    """
    stack = Stack(session, plan.endpoint, report)
    before = stack.now()
    asked = parameters(plan, before)
    refuse_what_aws_would(asked, before)
    changed = stack.deploy(plan, asked, update=bool(before))
    if not before:
        return asked, "in service"
    return asked, "updated" if changed else "as asked already"


def _told(parameters: Parameters) -> list[dict[str, str]]:
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]


def pack(network: Path, folder: Path) -> Path:
    """Return the model.tar.gz, made in `folder`, that SageMaker unpacks for `serving`."""
    packed = folder / "model.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(network, network.name)
    return packed


def monthly_cost(runs_on: Serverless | Instances) -> str:
    prices = read_prices()
    price = prices["endpoint"]
    as_of = f"(list prices in us-east-1, {prices['as_of']})"
    if isinstance(runs_on, Serverless):
        compute = (
            price["serverless_film_seconds"]
            * (runs_on.memory_mb / 1024)
            * price["serverless_gb_second"]
        )
        data = prices["load"]["film_mb"] / 1000 * price["serverless_data_gb"]
        month = FILMS_A_DAY * prices["load"]["days_a_month"] * (compute + data)
        return (
            f"It costs nothing while no film comes, and about ${month:.2f} a month for "
            f"{FILMS_A_DAY} films a day {as_of}."
        )
    hour = prices["instance_hour"].get(runs_on.type)
    if hour is None:
        return f"prices.toml has no price for {runs_on.type}: see aws.amazon.com/pricing."
    month = hour * HOURS_A_MONTH
    alarms = 2 * price["alarm_month"]
    most = ""
    if runs_on.most > runs_on.count:
        most = f", ${runs_on.most * month + alarms:.2f} with all {runs_on.most}"
    return f"It costs ${runs_on.count * month + alarms:.2f} a month{most} {as_of}."


def application_parameters(endpoint: str, runs_on: Serverless | Instances) -> str:
    """Return the application's parameters for the endpoint: its name and its limits.

    A serverless endpoint refuses requests above its concurrency, and a body over 4 MB. The films of
    a backfill use its concurrency too.
    """
    given = f"EndpointName={endpoint}"
    if isinstance(runs_on, Instances):
        return f"{given} MaximumConcurrency=5 FilmsInBatch=10 LargestBodyMB=25"
    # SQS starts at least two batches; the number of films in a batch does the rest.
    new_films = runs_on.concurrency - BACKFILL_FILMS
    films = min(MOST_IN_A_BATCH, max(1, new_films // LEAST_CONCURRENCY))
    batches = max(LEAST_CONCURRENCY, new_films // films)
    return f"{given} MaximumConcurrency={batches} FilmsInBatch={films} LargestBodyMB=4"
