"""An AWS account on loopback, and the folders of a training container in it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any
from unittest.mock import patch
from urllib.request import Request, urlopen

import boto3
from moto.cloudformation.parsing import ResourceMap
from moto.sagemaker.models import FakeEndpoint, FakeEndpointConfig
from moto.sagemaker.models import Model as FakeModel
from moto.server import ThreadedMotoServer
from PIL import Image

from tests.typed import Ended, typed_in
from training.dataset.channels import CHANNELS
from training.sagemaker.jobs import PROJECT

ROOT = Path(__file__).parents[2]
SDK = ROOT / ".venv-cloud"
BUCKET = "films"
DATA = f"s3://{BUCKET}/cxr"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/cxr-alert:1"
ROLE = "arn:aws:iam::123456789012:role/trainer"


@dataclass(frozen=True)
class Account:
    """The account, and a program's environment for it."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def client(self, service: str) -> Any:
        session = boto3.Session("test", "test", region_name="us-east-1")
        return session.client(service, endpoint_url=self.url)  # type: ignore[call-overload]

    def typed(self, *arguments: str | Path, **changes: str) -> Ended:
        """Run `cxr-alert ARGUMENTS` in this account."""
        return typed_in({**self.environment, **changes}, *arguments)

    def process(self, *arguments: str | Path, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run `cxr-alert ARGUMENTS` in this account, as a process with programs of its own."""
        return subprocess.run(
            [sys.executable, "-m", "cxr_alert", *map(str, arguments)],
            cwd=ROOT,
            env={**self.environment, **changes},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def keys(self, bucket: str = BUCKET) -> set[str]:
        listed = self.client("s3").list_objects_v2(Bucket=bucket)
        return {each["Key"] for each in listed.get("Contents", [])}

    def fill(self, folder: Path) -> None:
        """Draw films below `folder`, and upload them like `aws s3 sync`."""
        s3 = self.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        for number in range(24):
            film = folder / "films" / ("NORMAL", "PNEUMONIA")[number % 2] / f"film{number}.png"
            film.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (40, 40), 100 * (number % 2) + number).save(film)
        prepared = folder / "prepared"
        done = self.typed("prepare", "--data", folder / "films", "--out", prepared)
        assert done.returncode == 0, done.stderr
        prefix = DATA.removeprefix(f"s3://{BUCKET}/")
        for channel in CHANNELS:
            for file in (prepared / channel).rglob("*"):
                if file.is_file():
                    key = f"{prefix}/{file.relative_to(prepared).as_posix()}"
                    s3.put_object(Bucket=BUCKET, Key=key, Body=file.read_bytes())


@dataclass(frozen=True)
class Sdk:
    """A Python of the SDK's environment, which has imported it, for commands in an account."""

    account: Account
    python: subprocess.Popen[str]

    def typed(self, *arguments: str | Path, **changes: str) -> Ended:
        """Run `cxr-alert ARGUMENTS` in the account."""
        assert self.python.stdin
        assert self.python.stdout
        asked = [{**self.account.environment, **changes}, [*map(str, arguments)]]
        print(json.dumps(asked), file=self.python.stdin, flush=True)
        return Ended(**json.loads(self.python.stdout.readline()))


@contextmanager
def imported_sdk(account: Account) -> Iterator[Sdk]:
    imports = ("sagemaker.train", "training.sagemaker.jobs")
    with subprocess.Popen(
        [SDK / "bin" / "python", "-P", ROOT / "tests" / "typed.py", *imports],
        env={**account.environment, "PYTHONPATH": os.pathsep.join(PROJECT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as python:
        yield Sdk(account, python)  # it ends with its input


@contextmanager
def account() -> Iterator[Account]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    # All moto servers of a process share one memory, with the account of an earlier test.
    with urlopen(Request(f"{url}/moto-api/reset", method="POST")):  # noqa: S310
        pass
    with _as_cloudformation_does():
        yield Account(url)
    server.stop()


@contextmanager
def _as_cloudformation_does() -> Iterator[None]:
    """Correct moto's CloudFormation for SageMaker's resources.

    An endpoint has the name in its template; a replacement gets a name of its own, and resources
    that refer to it are updated.
    """
    with ExitStack() as patches:
        named = patch.object(FakeEndpoint, "cloudformation_name_type", lambda: "EndpointName")
        patches.enter_context(named)
        patches.enter_context(patch.object(ResourceMap, "build_resource_diff", _all_that_changes))
        for kind in (FakeModel, FakeEndpointConfig):
            update = kind.update_from_cloudformation_json

            def replace(
                new_resource_name: str, update: Callable[..., Any] = update, **rest: Any
            ) -> Any:
                stem = new_resource_name.rpartition("/")[2].rpartition("-")[0]
                return update(new_resource_name=f"{stem}-{token_hex(6)}", **rest)

            patches.enter_context(patch.object(kind, "update_from_cloudformation_json", replace))
        yield


_CHANGES = ResourceMap.build_resource_diff


def _all_that_changes(
    self: ResourceMap, template: dict[str, Any], parameters: dict[str, Any] | None = None
) -> dict[str, list[str]]:
    found: dict[str, list[str]] = _CHANGES(self, template, parameters)
    changed: list[str] = []
    for name, resource in template["Resources"].items():  # each comes after what it names
        text = json.dumps(resource)
        if name in found["Modify"] or any(f'"Fn::GetAtt": ["{each}"' in text for each in changed):
            changed.append(name)
    return found | {"Modify": changed}


class Container:
    """The folders of a training job's container, under `folder` instead of the root."""

    def __init__(self, account: Account, job: dict[str, Any], folder: Path) -> None:
        """Create /opt/ml as SageMaker does for `job`, DescribeTrainingJob's answer."""
        self.job = job
        self.ml = folder / "opt" / "ml"
        for part in ("input/config", "input/data", "model", "output/data", "checkpoints"):
            (self.ml / part).mkdir(parents=True)
        channels = {}
        for channel in job["InputDataConfig"]:
            name = channel["ChannelName"]
            channels[name] = {"TrainingInputMode": "File"}
            self._download(account, channel["DataSource"]["S3DataSource"]["S3Uri"], name)
        host = {
            "current_host": "algo-1",
            "current_instance_type": job["ResourceConfig"]["InstanceType"],
            "hosts": ["algo-1"],
            "network_interface_name": "eth0",
        }
        for name, content in {
            "resourceconfig": host,
            "inputdataconfig": channels,
            "hyperparameters": job["HyperParameters"],
        }.items():
            (self.ml / "input" / "config" / f"{name}.json").write_text(json.dumps(content))
        # The scripts name the container's folders from its root.
        for script in (self.ml / "input" / "data" / "sm_drivers").rglob("*.*"):
            if script.suffix in {".py", ".sh"}:
                script.write_text(script.read_text().replace("/opt/ml", str(self.ml)))

    def run(self, python: Path, *, install: bool) -> subprocess.CompletedProcess[str]:
        """Run the image's command, with `python` as the image's Python."""
        process = self._started(python, install)
        stdout, stderr = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def run_until(self, file: str) -> None:
        """Run the image's command until `file` is in the container; end it like a spot instance."""
        process = self._started(Path(sys.executable), install=False)
        deadline = time.monotonic() + 240
        while not (self.ml / file).exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, f"{file} was not written"
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate()

    def _started(self, python: Path, install: bool) -> subprocess.Popen[str]:
        script = self.ml / "input" / "data" / "sm_drivers" / "sm_train.sh"
        if not install:
            lines = script.read_text().splitlines(keepends=True)
            script.write_text("".join(li for li in lines if "install_requirements.py" not in li))
        return subprocess.Popen(
            ["/bin/bash", script],
            env={
                "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
                "HOME": str(self.ml),
                "TRAINING_JOB_NAME": self.job["TrainingJobName"],
            },
            cwd=self.ml,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @property
    def failure(self) -> str:
        return (self.ml / "output" / "failure").read_text()

    def pack(self, folder: Path) -> Path:
        """Return the model.tar.gz that SageMaker makes of the model's folder."""
        packed = shutil.make_archive(str(folder / "model"), "gztar", self.ml / "model")
        return Path(packed)

    def _download(self, account: Account, uri: str, channel: str) -> None:
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        s3 = account.client("s3")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for each in page["Contents"]:
                below = each["Key"].removeprefix(prefix).lstrip("/")
                path = self.ml / "input" / "data" / channel / below
                path.parent.mkdir(parents=True, exist_ok=True)
                found = s3.get_object(Bucket=bucket, Key=each["Key"])
                path.write_bytes(found["Body"].read())
