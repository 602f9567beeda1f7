"""The commands that docs/deploy.md tells people to type, typed, against an AWS API on loopback."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from tests.integration.aws_server import aws_server

ROOT = Path(__file__).parents[2]
COMMAND_LINES = ROOT / ".venv-sam" / "bin"


@pytest.fixture
def aws() -> Iterator[str]:
    with aws_server() as url:
        yield url


def test_the_documented_commands_make_an_endpoint(aws: str) -> None:
    text = (ROOT / "docs" / "deploy.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    settings = {
        "AWS_ENDPOINT_URL": aws,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "PATH": f"{COMMAND_LINES}{os.pathsep}{os.environ['PATH']}",
    }
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(blocks)],
        cwd=ROOT,
        env=settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    session = boto3.Session("test", "test", region_name="us-east-1")
    sagemaker = session.client("sagemaker", endpoint_url=aws)
    endpoint = sagemaker.describe_endpoint(EndpointName="cxr-alert")
    config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    variant = config["ProductionVariants"][0]
    model = sagemaker.describe_model(ModelName=variant["ModelName"])
    bucket, key = model["PrimaryContainer"]["ModelDataUrl"].removeprefix("s3://").split("/", 1)
    assert session.client("s3", endpoint_url=aws).head_object(Bucket=bucket, Key=key)
