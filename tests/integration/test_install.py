"""`cxr-alert install` in an account on loopback: what it makes, resumes, refuses and removes."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boto3
import pytest

from cxr_alert.deployment.sam import Tool
from cxr_alert.installation import image
from cxr_alert.installation.run import install
from cxr_alert.installation.site import Settings, Site
from cxr_alert.installation.steps import steps, with_existing
from cxr_alert.options import NORMAL_FILM
from serving.shipped import SHIPPED_NETWORK
from tests import stacks
from tests.integration.sagemaker_cloud import ROOT, Account, account
from training.sagemaker.endpoint import Serverless

# Moto's CloudFormation passes alarms and scaling over: test_endpoint_template.py has what they are.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS::")

MODELS = "cxr-alert-models-123456789012-us-east-1"
TYPED = ("install", "--email", "people@example.org", "--reader", "dr-lee", "--yes")

# Writes what it was asked, and what it read, beside itself; fails at what the file `fails` names.
PROGRAM = """#!/bin/sh
here=$(dirname "$0")
echo "$(basename "$0") $* $ARCHITECTURE $PYTHON_RUNTIME" >> "$here/asked"
cat >> "$here/read"
if [ "$(basename "$0") $1" = "$(cat "$here/fails")" ]; then echo "no space left"; exit 1; fi
"""


@pytest.fixture
def aws() -> Iterator[Account]:
    with account() as found:
        yield found


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Return a folder with programs in the place of Docker, SAM and the functions' Python."""
    for name in ("docker", "sam", "python3.13"):
        (tmp_path / name).write_text(PROGRAM)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "fails").write_text("none")
    return tmp_path


def path(programs: Path) -> str:
    return f"{programs}{os.pathsep}{os.environ['PATH']}"


def test_docker_builds_the_image_and_a_failed_step_is_resumed(aws: Account, programs: Path) -> None:
    (programs / "fails").write_text("docker build")
    result = aws.typed(*TYPED, PATH=path(programs))
    assert result.returncode == 1
    assert "1/9 networks: bucket cxr-alert-models-123456789012-us-east-1 was made." in result.stdout
    assert "no space left" in result.stdout
    assert result.stderr.endswith(
        "Step image failed: docker build failed; with --codebuild AWS builds the image. "
        "Completed steps are kept; to continue, type again: cxr-alert install "
        "--email people@example.org --reader dr-lee --yes\n"
    )

    (programs / "fails").write_text("sam deploy")
    intel = ("--parameters", "Architecture=x86_64")
    again = aws.process(*TYPED, *intel, PATH=path(programs))
    assert again.returncode == 1
    assert "bucket cxr-alert-models-123456789012-us-east-1 is there already" in again.stdout
    assert "repository cxr-alert is there already" in again.stdout
    assert "endpoint cxr-alert is in service" in again.stdout
    assert "Step application failed: no space left. Completed steps are kept" in again.stderr

    asked = (programs / "asked").read_text()
    order = [line.split()[1] for line in asked.splitlines() if line.startswith("docker")]
    # Asked before the question what it will do, and before it does it; and so again.
    assert order == ["info", "info", "build", "info", "info", "build", "login", "push", "logout"]
    assert "--platform linux/amd64 --provenance=false" in asked
    assert "--password-stdin 123456789012.dkr.ecr.us-east-1.amazonaws.com" in asked
    secret = (programs / "read").read_text().strip()
    assert secret
    assert secret not in asked, "other people see what a program is called with"
    (built,) = [line for line in asked.splitlines() if line.startswith("sam build")]
    assert built.endswith(" x86_64 python3.13"), "or the compiled libraries do not fit"
    (deployed,) = [line for line in asked.splitlines() if line.startswith("sam deploy")]
    assert 'NotificationEmail="people@example.org"' in deployed
    assert 'EndpointName="cxr-alert"' in deployed
    assert 'LargestBodyMB="4"' in deployed, "as a serverless endpoint takes it"

    [repository] = aws.client("ecr").describe_repositories()["repositories"]
    assert repository["imageTagMutability"] == "IMMUTABLE"
    block = aws.client("s3").get_public_access_block(Bucket=MODELS)
    assert all(block["PublicAccessBlockConfiguration"].values())


def site(aws: Account, monkeypatch: pytest.MonkeyPatch) -> Site:
    for name, value in {**aws.environment, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    settings = Settings(
        stack="cxr-alert",
        root=ROOT,
        sam=Tool(Path("sam"), Path("samconfig.toml")),
        model=SHIPPED_NETWORK,
        film=NORMAL_FILM,
        runs_on=Serverless(2048, 5),
        codebuild=True,
    )
    return Site(settings, boto3.Session(), lambda _: None)


def test_codebuild_builds_the_image_once_and_leaves_neither_project_nor_role(
    aws: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = site(aws, monkeypatch)
    planned = steps(here.settings)[:4]
    install(here, planned, "cxr-alert install")
    out = capsys.readouterr().out
    tag = image.tag(ROOT)
    name = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/cxr-alert:{tag}"
    assert f"3/4 image: {name} was built by CodeBuild." in out
    assert aws.client("codebuild").list_projects()["projects"] == []
    roles = [each["RoleName"] for each in aws.client("iam").list_roles()["Roles"]]
    assert "cxr-alert-image" not in roles
    assert f"cxr-alert/source/{tag}.zip" in aws.keys(MODELS)

    plain = "application/vnd.docker.distribution.manifest.v2+json"  # moto pushes no image itself
    manifest = json.dumps({"schemaVersion": 2, "mediaType": plain})
    aws.client("ecr").put_image(repositoryName="cxr-alert", imageTag=tag, imageManifest=manifest)
    install(here, planned, "cxr-alert install")
    assert f"{name} is there already" in capsys.readouterr().out
    assert len(aws.client("sagemaker").list_endpoints()["Endpoints"]) == 1


def test_optional_stacks_that_exist_are_updated_too(
    aws: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = site(aws, monkeypatch).settings
    assert with_existing(settings).optional == {}
    stacks.deploy(aws.client("cloudformation"), "cxr-alert-results", {"Address": "x"})
    found = with_existing(replace(settings, optional={"drift": Path("built.yaml")}))
    assert found.optional == {"results": None, "drift": Path("built.yaml")}
    assert [each.name for each in steps(found)][-4:] == ["results", "drift", "mail", "check"]


def test_it_leaves_other_peoples_stacks_alone(aws: Account, programs: Path) -> None:
    stacks.deploy(aws.client("cloudformation"), "cxr-alert", {"Address": "x"}, Colour="blue")
    for arguments in ((*TYPED, "--endpoint", "one"), ("install", "--destroy", "--yes")):
        result = aws.typed(*arguments, PATH=path(programs))
        assert result.returncode > 0
        assert "There is a stack cxr-alert that is not of CXR Alert cxr-alert" in result.stderr
    assert aws.client("cloudformation").describe_stacks(StackName="cxr-alert")["Stacks"]


def test_an_installation_is_removed_except_for_the_networks(
    aws: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = site(aws, monkeypatch)
    install(here, steps(here.settings)[:4], "cxr-alert install")
    result = aws.typed("install", "--destroy")
    assert result.returncode == 2
    assert result.stderr == "Remove it? There is no terminal for an answer: add --yes.\n"
    result = aws.typed("install", "--destroy", "--yes", COLUMNS="200")
    assert result.returncode == 0, result.stderr
    assert "Stack cxr-alert-endpoint is gone." in result.stdout
    assert "the networks behind the findings that are kept" in result.stdout
    assert aws.client("ecr").describe_repositories()["repositories"] == []
    assert aws.client("sagemaker").list_endpoints()["Endpoints"] == []
    assert aws.keys(MODELS), "the networks stay"


def test_a_dry_run_needs_neither_an_account_nor_addresses(aws: Account) -> None:
    nobody = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_ENDPOINT_URL": ""}
    result = aws.typed("install", "--dry-run", "--instance-type", "ml.c5.large", **nobody)
    assert result.returncode == 0, result.stderr
    assert "cost about $11 a month without a film" in " ".join(result.stdout.split())
    assert "$74.66 a month" in " ".join(result.stdout.split())
    assert result.stdout.endswith("Nothing was done.\n")
    assert aws.client("s3").list_buckets()["Buckets"] == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--reader", "dr-lee"], "--email is missing"),
        (["--email", "a@b.org"], "--reader is missing"),
        (["--email", "nobody", "--reader", "dr-lee"], "nobody: must be one e-mail address"),
        (["--stack", "CXR"], "CXR: must be lower-case letters"),
        (["--parameters", "Cutoff"], "must be of the form NAME=VALUE"),
        ([*TYPED[1:], "--template", "none.yaml"], "There is no file none.yaml."),
        ([*TYPED[1:], "--model", "README.md"], "README.md is not an ONNX network"),
    ],
)
def test_a_mistake_is_one_sentence(aws: Account, arguments: list[str], complaint: str) -> None:
    result = aws.typed("install", *arguments)
    assert result.returncode == 2
    assert complaint in result.stderr
    assert "Traceback" not in result.stderr
    assert aws.client("s3").list_buckets()["Buckets"] == []
