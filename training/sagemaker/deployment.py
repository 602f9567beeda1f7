"""`cxr-alert deploy`: a network becomes an endpoint, or an endpoint goes."""

import json
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from serving.network import Network
from training.sagemaker.cloud import Address, CloudError, address, role_arn, sign_in
from training.sagemaker.hosting import (
    Hosting,
    Instances,
    Plan,
    Serverless,
    Step,
    Tell,
    new_name,
    steps,
)
from training.sagemaker.prices import HOURS_A_MONTH, read_prices

FILMS_A_DAY = 500  # what the monthly price of a serverless endpoint is told for
LEAST_CONCURRENCY = 2  # of the template's MaximumConcurrency
MOST_IN_A_BATCH = 10

console = Console(highlight=False, soft_wrap=True, markup=False)


@dataclass(frozen=True)
class DeploymentRequest:
    """What is asked for; one of `model`, `artefact` and `job` says which network."""

    endpoint: str
    runs_on: Serverless | Instances
    model: Path | None = None
    artefact: str | None = None
    job: str | None = None
    bucket: str | None = None
    image: str | None = None
    role: str | None = None
    dry_run: bool = False


def deploy(asked: DeploymentRequest, *, as_json: bool = False) -> None:
    """Make or update the endpoint, and say what it costs and how to use it."""
    session = sign_in()
    name = new_name(asked.endpoint)
    plan = _plan(session, asked, name)
    if not as_json:
        console.print(monthly_cost(asked.runs_on))
    with _bar(asked.endpoint) as tell, tempfile.TemporaryDirectory() as folder:
        hosting = Hosting(session, tell)
        update = hosting.is_there(plan)
        planned = steps(plan, name, update)
        if not asked.dry_run:
            packed = pack(plan.upload, Path(folder)) if plan.upload else None
            hosting.make(replace(plan, upload=packed), name)
    if as_json:
        print(json.dumps(_record(asked, plan, planned, updated=update), indent=2))
        return
    if asked.dry_run:
        if plan.upload:
            console.print(f"s3 upload_file {plan.upload} to {plan.artefact}")
        for step in planned:
            console.print(f"{step.service} {step.operation} {json.dumps(step.request, indent=2)}")
        console.print("Nothing was made.")
    else:
        console.print(f"Endpoint {asked.endpoint} is {'updated' if update else 'in service'}.")
    console.print(
        "Screen films with it; keep these in samconfig.toml, or the next `sam deploy` undoes them:"
    )
    console.print(f"  sam deploy --parameter-overrides {_parameters(asked)}")


def _record(
    asked: DeploymentRequest, plan: Plan, planned: Sequence[Step], *, updated: bool
) -> dict[str, object]:
    """What `deploy` did, or would do, for programs."""
    return {
        "endpoint": asked.endpoint,
        "dry_run": asked.dry_run,
        "updated": updated,
        "artefact": str(plan.artefact),
        "requests": [
            {"service": step.service, "operation": step.operation, "request": step.request}
            for step in planned
        ],
    }


def back(endpoint: str, *, dry_run: bool, as_json: bool = False) -> None:
    """Have the endpoint serve the version that it served before."""
    session = sign_in()
    with _bar(endpoint) as tell:
        former, now = Hosting(session, tell).back(endpoint, dry_run=dry_run)
    if as_json:
        record = {"endpoint": endpoint, "dry_run": dry_run, "serves": former, "before": now}
        print(json.dumps(record, indent=2))
        return
    serves = "would serve" if dry_run else "serves"
    console.print(f"Endpoint {endpoint} {serves} {former} again, instead of {now}.")


def delete(endpoint: str, dry_run: bool, *, as_json: bool = False) -> None:
    """Remove the endpoint and all that `deploy` made for it."""
    session = sign_in()
    if dry_run:
        if as_json:
            print(json.dumps({"endpoint": endpoint, "dry_run": True, "removed": []}, indent=2))
            return
        console.print(f"Would remove endpoint {endpoint} and what is tagged as made for it.")
        return
    with _bar(endpoint) as tell:
        removed = Hosting(session, tell).delete(endpoint)
    if not removed:
        raise CloudError(f"There is no endpoint {endpoint} in {session.region_name}.")
    if as_json:
        record = {
            "endpoint": endpoint,
            "dry_run": False,
            "removed": [str(each) for each in removed],
        }
        print(json.dumps(record, indent=2))
        return
    for each in removed:
        console.print(f"Removed {each}.")


def pack(model: Path, folder: Path) -> Path:
    """The model.tar.gz, made in `folder`, that SageMaker unpacks for `serving`."""
    packed = folder / "model.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(model, model.name)
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


def _plan(session: boto3.Session, asked: DeploymentRequest, name: str) -> Plan:
    image = asked.image
    if asked.model:
        Network(asked.model, threads=1)  # rather fail here than in an endpoint that can't start
        if asked.bucket is None:
            raise CloudError("--bucket is missing: name the S3 bucket to upload the network to.")
        artefact = Address(asked.bucket, f"{asked.endpoint}/{name}/model.tar.gz")
    elif asked.artefact:
        artefact = address(asked.artefact, "--artefact")
        session.client("s3").head_object(Bucket=artefact.bucket, Key=artefact.key)
    else:
        job = _completed(session, str(asked.job))
        artefact = address(job["ModelArtifacts"]["S3ModelArtifacts"], "The job's artefact")
        trained_by = job["AlgorithmSpecification"].get("TrainingImage", "")
        if "/image-classification:" in trained_by:
            image = image or trained_by  # the built-in algorithm's image serves as well
    if image is None:
        raise CloudError(
            "--image is missing: name the container that was pushed to ECR "
            "(docs/deploy.md says how), or the built-in algorithm's for its artefact."
        )
    role = role_arn(session, asked.role)
    return Plan(asked.endpoint, image, artefact, role, asked.runs_on, asked.model)


def _completed(session: boto3.Session, job: str) -> dict[str, Any]:
    found: dict[str, Any] = session.client("sagemaker").describe_training_job(TrainingJobName=job)
    if found["TrainingJobStatus"] != "Completed":
        raise CloudError(
            f"Training job {job} is {found['TrainingJobStatus']}: "
            "only a completed one has left a network."
        )
    return found


def _parameters(asked: DeploymentRequest) -> str:
    """What the application is to be told of the endpoint: its name, and what it takes.

    A serverless endpoint turns away what is more than its concurrency, and a body over 4 MB.
    """
    given = f"EndpointName={asked.endpoint}"
    if isinstance(asked.runs_on, Serverless):
        # SQS starts two batches at least; films in a batch do the rest.
        films = min(MOST_IN_A_BATCH, max(1, asked.runs_on.concurrency // LEAST_CONCURRENCY))
        batches = max(LEAST_CONCURRENCY, asked.runs_on.concurrency // films)
        given += f" MaximumConcurrency={batches} FilmsInBatch={films} LargestBodyMB=4"
    else:
        given += " MaximumConcurrency=5 FilmsInBatch=10 LargestBodyMB=25"
    return given


@contextmanager
def _bar(endpoint: str) -> Iterator[Tell]:
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(endpoint)
        yield lambda state: progress.update(task, description=f"{endpoint}: {state}")
