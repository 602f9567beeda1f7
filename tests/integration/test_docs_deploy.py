"""The commands in docs/deploy.md are run against an AWS API on loopback."""

import os
import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.integration.sagemaker_cloud import ROOT, Account, account

COMMAND_LINES = ROOT / ".venv-sam" / "bin"


@pytest.fixture
def aws() -> Iterator[Account]:
    with account() as found:
        yield found


def test_the_documented_commands_make_an_endpoint(aws: Account) -> None:
    text = (ROOT / "docs" / "deploy.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    settings = {
        **aws.environment,
        "AWS_DEFAULT_REGION": "us-east-1",
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
    sagemaker = aws.client("sagemaker")
    endpoint = sagemaker.describe_endpoint(EndpointName="cxr-alert")
    config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    variant = config["ProductionVariants"][0]
    model = sagemaker.describe_model(ModelName=variant["ModelName"])
    bucket, key = model["PrimaryContainer"]["ModelDataUrl"].removeprefix("s3://").split("/", 1)
    assert aws.client("s3").head_object(Bucket=bucket, Key=key)
