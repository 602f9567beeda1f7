"""`cxr-alert train --on sagemaker`: the training job, through SageMaker's SDK."""

import dataclasses
import importlib.util
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError
from rich.console import Console

from serving.shipped import SHIPPED_NETWORK
from training.dataset.channels import CHANNELS
from training.learning.recipe import Recipe
from training.sagemaker.cloud import Address, CloudError, address, role_arn, sign_in
from training.sagemaker.prices import read_prices

if TYPE_CHECKING:  # the SDK has an environment of its own, and is imported when it is used
    from sagemaker.train import ModelTrainer
    from sagemaker.train.configs import Compute, InputData, StoppingCondition

ROOT = Path(__file__).resolve().parents[2]
SDK_PYTHON = ROOT / ".venv-cloud" / "bin" / "python"

# The 2020 report's job.
REPORTED = {
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
REPORTED_INSTANCE = "ml.p2.xlarge"
REPORTED_SECONDS = 36_000

TODAYS_INSTANCE = "ml.g4dn.xlarge"
NEXT_INSTANCE = "ml.g5.xlarge"
PYTORCH = {"version": "2.10.0", "py_version": "py313"}  # the newest that the SDK knows
CHECKPOINTS = "/opt/ml/checkpoints"  # where training/sagemaker/entry.py looks

PROJECT = (str(ROOT), str(ROOT / "functions"))

# The packages of a job's code, complete.
CODE = tuple(ROOT / name for name in ("training", "serving", "imaging", "functions/screening"))
NOT_CODE = shutil.ignore_patterns("__pycache__")

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
ENDED = ("Completed", "Failed", "Stopped")
# Functions that upload a file to S3: in one piece, or in parts.
_UPLOADING = ("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")

console = Console(highlight=False, soft_wrap=True, markup=False)


@dataclass(frozen=True)
class TrainingRequest:
    """The user's request; None stands for the default named in the help."""

    algorithm: str
    data: str
    role: str | None
    recipe: Recipe  # of the resnet
    hyperparameters: dict[str, str]  # of the built-in algorithm, instead of the report's
    output: str | None = None
    instance_type: str | None = None
    max_seconds: int = REPORTED_SECONDS
    sent: dict[str, str] = field(default_factory=dict)  # files beside the films, by channel
    checkpoints: str | None = None
    spot: bool = True
    detach: bool = False
    dry_run: bool = False


class _HeldBackError(Exception):
    """The request that a dry run does not send."""

    def __init__(self, request: dict[str, Any]) -> None:
        super().__init__()
        self.request = request


def go_on_with_sdk() -> None:
    """Run this same command in the environment of SageMaker's SDK, if this one has none.

    The SDK and the test tools pin different versions of the same packages.
    """
    if importlib.util.find_spec("sagemaker") is not None:
        return
    if not SDK_PYTHON.exists():
        raise CloudError("SageMaker's SDK is not installed: run `make cloud` first.")
    sys.stdout.flush()
    # The project is not installed there, so its two roots are on the path.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(PROJECT)}
    program = [str(SDK_PYTHON), "-m", "cxr_alert", *sys.argv[1:]]
    os.execve(SDK_PYTHON, program, environment)  # noqa: S606


def train_on_sagemaker(asked: TrainingRequest) -> None:
    """Start the job, and wait for its end unless detached."""
    for place in asked.sent.values():
        if not place.startswith("s3://") and not Path(place).exists():
            raise CloudError(f"{place} is neither a folder here nor an address s3://BUCKET/PREFIX.")
    session = sign_in()
    data = address(asked.data, "--data")
    _require_objects(session, data)
    output = address(asked.output, "--output") if asked.output else Address(data.bucket, "output")
    role = role_arn(session, asked.role)
    make = _builtin_job if asked.algorithm == "builtin" else _resnet_job
    if asked.dry_run:
        _hold_back(session)  # before the SDK makes its clients from the session
    Console(stderr=True).print(_most_it_costs(asked), style="dim")
    with tempfile.TemporaryDirectory() as code:
        trainer, channels = make(session, asked, data, output, role, Path(code))
        try:
            name = _start(session, trainer, channels)
        except _HeldBackError as held:
            console.print(json.dumps(held.request, indent=2))
            Console(stderr=True).print("Nothing was sent.", style="dim")
            return
    console.print(f"Training job {name} is started; its results go to {output}/{name}/output/.")
    follow = f"aws logs tail {LOG_GROUP} --log-stream-name-prefix {name}/ --follow"
    stop = f"aws sagemaker stop-training-job --training-job-name {name}"
    console.print(f"Follow it: {follow}\nStop it:   {stop}")
    if asked.detach:
        return
    try:
        _conclude(session, _wait(session, name))
    except KeyboardInterrupt:
        console.print("\nThe job continues.")
        raise


def _wait(session: boto3.Session, name: str, pause: float = 15.0) -> dict[str, Any]:
    """Return SageMaker's description of the ended job; poll every `pause` seconds."""
    sagemaker = session.client("sagemaker")
    with console.status("Waiting for the job to end"):
        while True:
            found: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName=name)
            if found["TrainingJobStatus"] in ENDED:
                return found
            time.sleep(pause)


def _builtin_job(
    session: boto3.Session,
    asked: TrainingRequest,
    data: Address,
    output: Address,
    role: str,
    _: Path,
) -> tuple["ModelTrainer", list["InputData"]]:
    from sagemaker.train.configs import InputData

    chosen = {**REPORTED, **asked.hyperparameters}
    if "num_training_samples" not in asked.hyperparameters:
        chosen["num_training_samples"] = str(_count_lines(session, data / "train_lst"))
    trainer = _trainer(
        session,
        output,
        role=role,
        base_job_name="cxr-alert-builtin",
        training_image=_image(session, "image-classification"),
        compute=_compute(asked.instance_type or REPORTED_INSTANCE, spot=False),
        stopping_condition=_stopping(asked.max_seconds),
        hyperparameters=chosen,
        training_input_mode="File",
    )
    # The slash: without it, `train` would match `train_lst` too.
    return trainer, [
        InputData(
            channel_name=name, data_source=f"{data / name}/", content_type="application/x-image"
        )
        for name in CHANNELS
    ]


def _resnet_job(
    session: boto3.Session,
    asked: TrainingRequest,
    data: Address,
    output: Address,
    role: str,
    code: Path,
) -> tuple["ModelTrainer", list["InputData"]]:
    from sagemaker.train.configs import CheckpointConfig, InputData, SourceCode

    instance_type = asked.instance_type or TODAYS_INSTANCE
    copy_code(code)
    trainer = _trainer(
        session,
        output,
        role=role,
        base_job_name="cxr-alert-resnet",
        training_image=_image(
            session, "pytorch", **PYTORCH, image_scope="training", instance_type=instance_type
        ),
        source_code=SourceCode(
            source_dir=str(code),
            command="python3 -m training.sagemaker.entry",
            requirements="requirements.txt",
        ),
        compute=_compute(instance_type, asked.spot),
        # Twice the time: the other half may pass waiting for a spot instance.
        stopping_condition=_stopping(asked.max_seconds, 2 * asked.max_seconds * asked.spot),
        checkpoint_config=CheckpointConfig(
            s3_uri=str(address(asked.checkpoints, "--checkpoints")) if asked.checkpoints else "",
            local_path=CHECKPOINTS,
        ),
        hyperparameters=dataclasses.asdict(asked.recipe),
    )
    sent = {"films": f"{data}/", **asked.sent}
    return trainer, [InputData(channel_name=name, data_source=at) for name, at in sent.items()]


def copy_code(folder: Path) -> None:
    """Copy the code of the resnet's job to `folder`: our training code, and its requirements."""
    for package in CODE:
        shutil.copytree(package, folder / package.name, ignore=NOT_CODE)
    shutil.copy(ROOT / "requirements" / "job.lock", folder / "requirements.txt")
    gate = folder / SHIPPED_NETWORK.relative_to(ROOT)  # a network without a gate gets this one's
    gate.parent.mkdir()
    shutil.copy(SHIPPED_NETWORK, gate)


def _trainer(session: boto3.Session, output: Address, **settings: object) -> "ModelTrainer":
    # The SDK checks the role for all buckets, which fails with least privileges.
    os.environ["SAGEMAKER_VALIDATE_ROLE"] = "false"
    os.environ.setdefault("AWS_DEFAULT_REGION", session.region_name)
    from sagemaker.core.helper.session_helper import Session
    from sagemaker.train import ModelTrainer
    from sagemaker.train.configs import OutputDataConfig

    telemetry = {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}}
    return ModelTrainer(
        sagemaker_session=Session(
            boto_session=session,
            default_bucket=output.bucket,
            sagemaker_config={"SchemaVersion": "1.0", "SageMaker": telemetry},
        ),
        output_data_config=OutputDataConfig(s3_output_path=str(output)),
        **settings,
    )


def _image(session: boto3.Session, framework: str, **details: str) -> str:
    from sagemaker.core import image_uris

    try:
        uri: str = image_uris.retrieve(framework, session.region_name, **details)
    except (KeyError, ValueError) as error:
        raise CloudError(f"There is no {framework} image for this job: {error}") from error
    return uri


def _compute(instance_type: str, spot: bool) -> "Compute":
    from sagemaker.train.configs import Compute

    return Compute(
        instance_type=instance_type,
        instance_count=1,
        enable_managed_spot_training=spot or None,
    )


def _stopping(run_seconds: int, wait_seconds: int = 0) -> "StoppingCondition":
    from sagemaker.train.configs import StoppingCondition

    return StoppingCondition(
        max_runtime_in_seconds=run_seconds, max_wait_time_in_seconds=wait_seconds or None
    )


def _start(session: boto3.Session, trainer: "ModelTrainer", channels: Sequence["InputData"]) -> str:
    try:
        trainer.train(channels, wait=False, logs=False)
    except ClientError as error:
        complaint = _about_instance(session, error, trainer.compute.instance_type)
        if complaint is None:
            raise
        raise complaint from error
    name: str = trainer._latest_training_job.training_job_name
    return name


def _hold_back(session: boto3.Session) -> None:
    """Make the session's clients upload nothing, and raise the job's request unsent."""

    def raise_it(params: dict[str, Any], **_: object) -> None:
        raise _HeldBackError(params)

    def pretend(**_: object) -> Any:  # noqa: ANN401 the stubs know handlers without an answer only
        return SimpleNamespace(status_code=200), {"UploadId": "none", "ETag": "none"}

    session.events.register("provide-client-params.sagemaker.CreateTrainingJob", raise_it)
    for call in _UPLOADING:
        session.events.register(f"before-call.s3.{call}", pretend)


def _about_instance(
    session: boto3.Session, error: ClientError, instance_type: str
) -> CloudError | None:
    """Return the remedy if AWS refused the instance type."""
    refusal = error.response["Error"]
    about_it = instance_type in refusal["Message"] or "instance type" in refusal["Message"].lower()
    if refusal["Code"] != "ResourceLimitExceeded" and not (
        refusal["Code"] in ("ValidationException", "CapacityError") and about_it
    ):
        return None
    return CloudError(
        f"{session.region_name} gives this account no {instance_type} ({refusal['Code']}): "
        f"{_instead_of(instance_type)}. AWS says: {refusal['Message']}"
    )


def _instead_of(instance_type: str) -> str:
    if instance_type == TODAYS_INSTANCE:
        return (
            "ask for it under Service Quotas > Amazon SageMaker, "
            f"or try --instance-type {NEXT_INSTANCE}"
        )
    return f"use --instance-type {TODAYS_INSTANCE} instead"


def _conclude(session: boto3.Session, description: dict[str, Any]) -> None:
    name, status = description["TrainingJobName"], description["TrainingJobStatus"]
    if status == "Failed":
        reason = description.get("FailureReason", "AWS gives no reason")
        if "CapacityError" in reason:
            instance_type = description["ResourceConfig"]["InstanceType"]
            reason = f"{reason.rstrip('.')}: {_instead_of(instance_type)}"
        raise CloudError(f"Training job {name} failed: {reason}")
    if status == "Stopped":
        raise CloudError(f"Training job {name} was stopped before it was done.")
    ran, billed = (description.get(f"{kind}TimeInSeconds", 0) for kind in ("Training", "Billable"))
    saved = f", {1 - billed / ran:.0%} saved by spot" if billed < ran else ""
    console.print(f"Trained in {ran:,} s ({billed:,} s billed{saved}).")
    console.print(f"The network: {description['ModelArtifacts']['S3ModelArtifacts']}")
    console.print(f"Next: cxr-alert deploy --job {name} (see --help)")


def _most_it_costs(asked: TrainingRequest) -> str:
    usual = REPORTED_INSTANCE if asked.algorithm == "builtin" else TODAYS_INSTANCE
    instance_type = asked.instance_type or usual
    hours = asked.max_seconds / 3600
    price = read_prices()["instance_hour"].get(instance_type)
    if price is None:
        return f"What {instance_type} costs is not in training/sagemaker/prices.toml."
    spot = ", less on a spot instance" if asked.spot and asked.algorithm == "resnet" else ""
    return f"At most {hours:g} h, ${hours * price:.2f} in us-east-1{spot}."


def _require_objects(session: boto3.Session, place: Address) -> list[str]:
    """Return the first thousand keys below `place`; raise CloudError if there are none."""
    s3 = session.client("s3")
    found = s3.list_objects_v2(Bucket=place.bucket, Prefix=place.prefix).get("Contents")
    if not found:
        raise CloudError(
            f"There is nothing under {place}: fill it by `cxr-alert prepare` and "
            "`aws s3 sync`, see "
            "docs/training.md."
        )
    return [each["Key"] for each in found]


def _count_lines(session: boto3.Session, folder: Address) -> int:
    """Return how many films the .lst files in `folder` list."""
    s3 = session.client("s3")
    keys = _require_objects(session, folder)
    bodies = (s3.get_object(Bucket=folder.bucket, Key=key)["Body"] for key in keys)
    return sum(1 for body in bodies for line in body.read().splitlines() if line.strip())
