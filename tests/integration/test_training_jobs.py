"""`cxr-alert train --on sagemaker` in an account on loopback, and the code of its jobs."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.core.exceptions import JsonRESTError
from moto.sagemaker.models import SageMakerModelBackend

from tests.integration.sagemaker_cloud import (
    BUCKET,
    DATA,
    IMAGE,
    ROLE,
    ROOT,
    SDK,
    Account,
    Container,
    Sdk,
    account,
    imported_sdk,
)
from tests.integration.serving_container import SAGEMAKER, running
from tests.typed import Ended
from training.learning.recipe import Recipe

SMALL = Recipe(epochs=2, batch_size=8, first_size=32, size=32, folds=3)

pytestmark = [
    pytest.mark.skipif(not SDK.exists(), reason="SageMaker's SDK is not installed (make cloud)"),
    pytest.mark.filterwarnings("ignore:Tried to parse AWS::"),  # moto ignores alarms and scaling
]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with account() as found:
        found.fill(tmp_path_factory.mktemp("films"))
        yield found


@pytest.fixture(scope="module")
def sdk(aws: Account) -> Iterator[Sdk]:
    with imported_sdk(aws) as found:
        yield found


TRAIN = ("train", "--on", "sagemaker")
ORDER = (*TRAIN, "--data", DATA, "--role", ROLE)


def started(aws: Account, result: Ended | subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return the job that a command has started, as AWS describes it."""
    assert result.returncode == 0, result.stderr
    name = result.stdout.split("Training job ")[1].split()[0]
    job: dict[str, Any] = aws.client("sagemaker").describe_training_job(TrainingJobName=name)
    return job


@pytest.fixture(scope="module")
def resnet_job(aws: Account, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return our own job, which the command starts after it has changed to the SDK's Python."""
    recipe = tmp_path_factory.mktemp("recipe") / "recipe.json"
    SMALL.save(recipe)
    begun = aws.process(*ORDER, "--recipe", recipe, "--from-scratch", "--detach")
    return started(aws, begun)


@pytest.fixture(scope="module")
def way_out() -> Iterator[socket.socket]:
    """Return a listener in the place of a proxy to the internet."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture(scope="module")
def builtin_job(aws: Account, sdk: Sdk, way_out: socket.socket) -> dict[str, Any]:
    proxy = f"http://127.0.0.1:{way_out.getsockname()[1]}"
    through = {"HTTPS_PROXY": proxy, "NO_PROXY": "127.0.0.1"}
    samples = ("--hyperparameter", "num_training_samples=5186")
    return started(aws, sdk.typed(*ORDER, "--algorithm", "builtin", *samples, **through))


@dataclass(frozen=True)
class Trained:
    container: Container
    stdout: str


@pytest.fixture(scope="module")
def trained(
    aws: Account, resnet_job: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    """Return the container in which our own job ended; it lost its first instance.

    The second instance has the checkpoints' folder, and nothing else of the first.
    """
    lost = Container(aws, resnet_job, tmp_path_factory.mktemp("lost"))
    lost.run_until("checkpoints/checkpoint.pt")
    container = Container(aws, resnet_job, tmp_path_factory.mktemp("container"))
    shutil.copytree(lost.ml / "checkpoints", container.ml / "checkpoints", dirs_exist_ok=True)
    result = container.run(Path(sys.executable), install=False)
    assert result.returncode == 0, result.stderr
    return Trained(container, result.stdout)


def test_the_built_in_job_is_that_of_the_2020_report(builtin_job: dict[str, Any]) -> None:
    job = builtin_job
    assert job["ResourceConfig"] == {
        "InstanceType": "ml.p2.xlarge",
        "InstanceCount": 1,
        "VolumeSizeInGB": 30,
    }
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 36_000}
    assert job["OutputDataConfig"]["S3OutputPath"] == f"s3://{BUCKET}/output"
    assert job["RoleArn"] == ROLE
    assert job["AlgorithmSpecification"]["TrainingInputMode"] == "File"
    assert job["AlgorithmSpecification"]["TrainingImage"] == (
        "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1"
    )
    assert job["HyperParameters"] == {
        "num_layers": "18",
        "use_pretrained_model": "1",
        "image_shape": "3,224,224",
        "num_classes": "2",
        "mini_batch_size": "32",
        "resize": "224",
        "epochs": "10",
        "learning_rate": "0.001",
        "num_training_samples": "5186",
        "augmentation_type": "crop_color_transform",
    }
    assert job["InputDataConfig"] == [
        {
            "ChannelName": channel,
            "ContentType": "application/x-image",
            "InputMode": "File",
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3DataDistributionType": "FullyReplicated",
                    "S3Uri": f"{DATA}/{channel}/",
                }
            },
        }
        for channel in ("train", "validation", "train_lst", "validation_lst")
    ]
    assert not job.get("EnableManagedSpotTraining")


def test_the_chosen_options_go_into_the_job(aws: Account, sdk: Sdk) -> None:
    options = ("--algorithm", "builtin", "--instance-type", "ml.g4dn.xlarge", "--epochs", "3")
    more = ("--hyperparameter", "learning_rate=0.01", "--output", "s3://films/elsewhere")
    job = started(aws, sdk.typed(*ORDER, *options, *more))
    assert job["ResourceConfig"]["InstanceType"] == "ml.g4dn.xlarge"
    assert job["OutputDataConfig"]["S3OutputPath"] == "s3://films/elsewhere"
    chosen = job["HyperParameters"]
    assert (chosen["epochs"], chosen["learning_rate"]) == ("3", "0.01")
    assert chosen["num_training_samples"] == "22", "counted in train_lst"


def test_a_dry_run_shows_the_request_and_sends_nothing(aws: Account, sdk: Sdk) -> None:
    before = aws.keys(), len(aws.client("sagemaker").list_training_jobs()["TrainingJobSummaries"])
    result = sdk.typed(*ORDER, "--dry-run", "--keep-out", "samples")
    after = aws.keys(), len(aws.client("sagemaker").list_training_jobs()["TrainingJobSummaries"])
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["EnableManagedSpotTraining"] is True
    assert "At most 10 h, $7.36" in result.stderr
    assert after == before


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--data", "samples", "--role", ROLE], "--data must be of the form s3://BUCKET/PREFIX"),
        (["--data", "s3://films/other", "--role", ROLE], "There is nothing under s3://films/other"),
        (["--data", "s3://missing/cxr", "--role", ROLE], "NoSuchBucket"),
        (["--data", DATA], "--role is missing"),
        (
            ["--data", DATA, "--role", ROLE, "--start", "nowhere"],
            "nowhere is neither a folder here nor",
        ),
        (["--data", DATA, "--role", "nobody"], "Role nobody not found"),
        (["--data", DATA, "--hyperparameter", "epochs=3"], "goes with --algorithm builtin"),
        (["--data", DATA, "--algorithm", "builtin", "--seed", "3"], "takes no --recipe, --seed"),
        (["--data", "samples", "--on", "here", "--dry-run"], "go with --on sagemaker"),
    ],
)
def test_a_mistake_is_one_sentence(sdk: Sdk, arguments: list[str], complaint: str) -> None:
    result = sdk.typed(*TRAIN, *arguments)
    assert result.returncode == 2
    assert complaint in result.stderr
    assert "Traceback" not in result.stderr


def test_the_sdk_sends_no_telemetry_about_the_job(
    builtin_job: dict[str, Any], way_out: socket.socket
) -> None:
    assert builtin_job
    way_out.setblocking(False)
    with pytest.raises(BlockingIOError):
        way_out.accept()


def test_without_credentials_it_says_how_to_get_them(sdk: Sdk) -> None:
    result = sdk.typed(*ORDER, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert result.returncode == 2
    assert "No AWS credentials were found: run `aws configure`" in result.stderr


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "ResourceLimitExceeded",
            "The account-level service limit 'ml.p2.xlarge for training job usage' is 0 Instances.",
        ),
        ("ValidationException", "Value 'ml.p2.xlarge' at 'resourceConfig.instanceType' is unknown"),
    ],
)
def test_an_unavailable_instance_type_is_replaced_by_an_available_one(
    sdk: Sdk, monkeypatch: pytest.MonkeyPatch, code: str, message: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise JsonRESTError(code, message)

    monkeypatch.setattr(SageMakerModelBackend, "create_training_job", refuse)
    result = sdk.typed(*ORDER, "--algorithm", "builtin")
    assert result.returncode == 2
    assert "us-east-1 gives this account no ml.p2.xlarge" in result.stderr
    assert "use --instance-type ml.g4dn.xlarge instead" in result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_failed_job_gives_the_reason_and_an_alternative(
    sdk: Sdk, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe = SageMakerModelBackend.describe_training_job
    failure = {
        "TrainingJobStatus": "Failed",
        "SecondaryStatus": "Failed",
        "FailureReason": "CapacityError: Unable to provision requested ML compute capacity.",
    }

    def failed(backend: SageMakerModelBackend, name: str) -> dict[str, Any]:
        return {**describe(backend, name), **failure}

    monkeypatch.setattr(SageMakerModelBackend, "describe_training_job", failed)
    result = sdk.typed(*ORDER, "--algorithm", "builtin")
    assert result.returncode == 2
    assert "Unable to provision requested ML compute capacity: use --instance-type" in result.stderr


def test_our_job_is_spot_and_keeps_its_checkpoints(resnet_job: dict[str, Any]) -> None:
    assert resnet_job["EnableManagedSpotTraining"] is True
    assert resnet_job["StoppingCondition"]["MaxWaitTimeInSeconds"] >= 36_000
    checkpoints = resnet_job["CheckpointConfig"]
    assert checkpoints["LocalPath"] == "/opt/ml/checkpoints"
    assert resnet_job["TrainingJobName"] in checkpoints["S3Uri"]
    assert "pytorch-training:" in resnet_job["AlgorithmSpecification"]["TrainingImage"]


def test_a_job_continues_after_its_spot_instance_is_lost(trained: Trained) -> None:
    assert "Continues after epoch" in trained.stdout
    assert json.loads((trained.container.ml / "model" / "metrics.json").read_text())["films"]


def test_the_path_from_our_job_to_an_answer_and_back(
    aws: Account, resnet_job: dict[str, Any], trained: Trained, tmp_path: Path
) -> None:
    before = aws.keys()
    artefact = resnet_job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{BUCKET}/")
    aws.client("s3").upload_file(str(trained.container.pack(tmp_path)), BUCKET, artefact)

    job = resnet_job["TrainingJobName"]
    endpoint = ("--endpoint", "our-eye")
    deployed = aws.typed(*("deploy", "--job", job, *endpoint, "--image", IMAGE))
    assert deployed.returncode == 0, deployed.stderr
    assert "EndpointName=our-eye" in deployed.stdout
    network = _what_the_endpoint_loads(aws, "our-eye", tmp_path)
    _assert_answers(network, tmp_path, "our-eye")

    removed = aws.typed("deploy", "--delete", *endpoint)
    assert removed.returncode == 0, removed.stderr
    assert not aws.client("sagemaker").list_endpoints()["Endpoints"]
    assert aws.keys() == before | {artefact}, "the job's artefact is the job's"


def test_a_job_begins_with_the_network_of_another(
    aws: Account, sdk: Sdk, trained: Trained, tmp_path: Path
) -> None:
    before = trained.container.ml
    job = started(aws, sdk.typed(*ORDER, "--detach", "--start", before / "model"))
    container = Container(aws, job, tmp_path / "container")
    container.run_until("checkpoints/source.json")
    start, from_scratch = (
        json.loads((ml / "checkpoints" / "source.json").read_text())["start"]
        for ml in (container.ml, before)
    )
    assert start != from_scratch


def test_the_built_in_jobs_endpoint_runs_the_algorithms_image(
    aws: Account, builtin_job: dict[str, Any]
) -> None:
    job = builtin_job
    artefact = job["ModelArtifacts"]["S3ModelArtifacts"]
    deployed = aws.typed(*("deploy", "--job", job["TrainingJobName"], "--endpoint", "report"))
    assert deployed.returncode == 0, deployed.stderr
    sagemaker = aws.client("sagemaker")
    config = sagemaker.describe_endpoint(EndpointName="report")["EndpointConfigName"]
    [container] = [
        sagemaker.describe_model(ModelName=variant["ModelName"])["PrimaryContainer"]
        for variant in sagemaker.describe_endpoint_config(EndpointConfigName=config)[
            "ProductionVariants"
        ]
    ]
    assert container["ModelDataUrl"] == artefact
    assert container["Image"] == job["AlgorithmSpecification"]["TrainingImage"]
    assert aws.typed("deploy", "--delete", "--endpoint", "report").returncode == 0


def test_an_error_in_our_job_is_its_failure_reason(
    aws: Account, resnet_job: dict[str, Any], tmp_path: Path
) -> None:
    container = Container(aws, resnet_job, tmp_path)
    for part in ("train", "validation"):
        shutil.rmtree(container.ml / "input" / "data" / "films" / part)
    result = container.run(Path(sys.executable), install=False)
    assert result.returncode != 0
    assert "No JPEG, PNG or DICOM film is in a folder NORMAL" in container.failure


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_our_job_needs_only_its_requirements(
    aws: Account, resnet_job: dict[str, Any], tmp_path: Path
) -> None:
    """In a Python with only PyTorch, like the image's."""
    python = tmp_path / "image" / "bin" / "python3"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "image"], check=True)
    locked = (ROOT / "requirements" / "torch.txt").read_text().splitlines()
    torch = next(line for line in locked if line.startswith("torch=="))
    subprocess.run([python, "-m", "pip", "install", "--quiet", torch], check=True)
    container = Container(aws, resnet_job, tmp_path)
    result = container.run(python, install=True)
    assert result.returncode == 0, result.stderr
    network = tmp_path / "unpacked"
    shutil.unpack_archive(container.pack(tmp_path), network)
    _assert_answers(network, tmp_path, "cxr-alert")


def _what_the_endpoint_loads(aws: Account, endpoint: str, folder: Path) -> Path:
    """Return the folder to which SageMaker unpacks the endpoint's model.tar.gz."""
    sagemaker = aws.client("sagemaker")
    config = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    [variant] = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    model = sagemaker.describe_model(ModelName=variant["ModelName"])
    bucket, _, key = model["PrimaryContainer"]["ModelDataUrl"].removeprefix("s3://").partition("/")
    fetched = folder / "fetched.tar.gz"
    aws.client("s3").download_file(bucket, key, str(fetched))
    shutil.unpack_archive(fetched, folder / "unpacked")
    return folder / "unpacked"


def _assert_answers(network: Path, folder: Path, endpoint: str) -> None:
    """Serve the network under the endpoint's name, and ask it like the function."""
    log = folder / "served"
    log.mkdir()
    film = next((ROOT / "samples" / "PNEUMONIA").glob("*.jpeg")).read_bytes()
    with running(log, "--model", network, "--endpoint-name", endpoint, program=SAGEMAKER) as served:
        runtime = boto3.Session("test", "test", region_name="us-east-1").client(
            "sagemaker-runtime", endpoint_url=served.url()
        )
        answer = runtime.invoke_endpoint(
            EndpointName=endpoint, ContentType="image/jpeg", Body=film
        )["Body"].read()
        runtime.close()
    assert sum(json.loads(answer)) == pytest.approx(1, abs=1e-3)
