"""The container's image: its repository, its tag, and its build.

The tag is a hash of all files that the image is made of. So an image that is there already is
known by its tag, and nothing about it has to be kept on this machine.
"""

import base64
import hashlib
import io
import json
import shutil
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from cxr_alert.installation.site import Site
from screening.errors import Failure

# All that serving/Dockerfile copies, and itself.
SOURCES = (
    "functions/screening",
    "imaging",
    "requirements/serving.lock",
    "serving",
)
_TOOLS = ("docker", "podman", "finch")
_BUILDER_SECONDS = 120  # until CodeBuild can use the new role
_BUILD_SECONDS = 1800
_PAUSE_SECONDS = 10
_LINES_SHOWN = 25


def tag(root: Path) -> str:
    digest = hashlib.sha256()
    for file in _files(root):
        digest.update(f"{file.relative_to(root)}\n".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _files(root: Path) -> Iterator[Path]:
    for source in SOURCES:
        place = root / source
        for file in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if file.is_file() and "__pycache__" not in file.parts:
                yield file


def make_repository(site: Site) -> bool:
    """Make the repository with tags that never move; return False if it is there."""
    ecr = site.client("ecr")
    try:
        ecr.create_repository(
            repositoryName=site.repository,
            imageScanningConfiguration={"scanOnPush": True},
            imageTagMutability="IMMUTABLE",
        )
    except ecr.exceptions.RepositoryAlreadyExistsException:
        return False
    return True


def uri(site: Site) -> str:
    """Return the image's name in the repository, with its tag."""
    found = site.client("ecr").describe_repositories(repositoryNames=[site.repository])
    return f"{found['repositories'][0]['repositoryUri']}:{tag(site.settings.root)}"


def is_there(site: Site) -> bool:
    ecr = site.client("ecr")
    wanted = [{"imageTag": tag(site.settings.root)}]
    try:
        ecr.describe_images(repositoryName=site.repository, imageIds=wanted)
    except ecr.exceptions.ImageNotFoundException:
        return False
    return True


def builder() -> str | None:
    """Return the first program of this machine that builds images and works, None without one."""
    for name in _TOOLS:
        if shutil.which(name) and _runs([name, "info"]).returncode == 0:
            return name
    return None


def build_here(site: Site, program: str) -> None:
    """Build the image on this machine and push it; the login to the registry is not kept."""
    image = uri(site)
    registry = image.partition("/")[0]
    granted = site.client("ecr").get_authorization_token()["authorizationData"][0]
    user, _, password = base64.b64decode(granted["authorizationToken"]).decode().partition(":")
    # SageMaker takes plain manifests only: no provenance (Docker, Finch), no OCI format (Podman).
    plain = "--format=docker" if program == "podman" else "--provenance=false"
    build = ["build", "--platform", "linux/amd64", plain, "-f", "serving/Dockerfile", "-t", image]
    site.report(f"{program} builds the image")
    _must([program, *build, str(site.settings.root)], site.settings.root)
    _must([program, "login", "--username", user, "--password-stdin", registry], stdin=password)
    try:
        site.report(f"{program} pushes the image")
        _must([program, "push", image])
    finally:
        _runs([program, "logout", registry])


def build_in_account(site: Site) -> None:
    """Have CodeBuild build and push the image; its project and its role are removed again."""
    name = f"{site.settings.stack}-image"
    key = f"{site.settings.stack}/source/{tag(site.settings.root)}.zip"
    site.client("s3").put_object(Bucket=site.bucket, Key=key, Body=_archive(site.settings.root))
    codebuild = site.client("codebuild")
    try:
        _make_project(site, name, key)
        site.report("CodeBuild builds the image")
        begun = codebuild.start_build(projectName=name)["build"]["id"]
        deadline = time.monotonic() + _BUILD_SECONDS
        while True:
            build = codebuild.batch_get_builds(ids=[begun])["builds"][0]
            if build["buildStatus"] == "SUCCEEDED":
                return
            if build["buildStatus"] != "IN_PROGRESS" or time.monotonic() > deadline:
                log = build.get("logs", {}).get("deepLink", "in the CodeBuild console")
                raise Failure(
                    f"The build of CodeBuild is {build['buildStatus']}; its log is {log}."
                )
            time.sleep(_PAUSE_SECONDS)
    finally:
        codebuild.delete_project(name=name)
        _remove_role(site, name)


def _make_project(site: Site, name: str, key: str) -> None:
    codebuild = site.client("codebuild")
    image = uri(site)
    project = {
        "name": name,
        "serviceRole": _make_role(site, name, key),
        "source": {
            "type": "S3",
            "location": f"{site.bucket}/{key}",
            "buildspec": json.dumps(_buildspec(image)),
        },
        "artifacts": {"type": "NO_ARTIFACTS"},
        "environment": {
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
            "privilegedMode": True,  # CodeBuild's own condition for Docker
        },
    }
    deadline = time.monotonic() + _BUILDER_SECONDS
    while True:
        try:
            codebuild.create_project(**project)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ResourceAlreadyExistsException":  # of a run that was killed
                codebuild.delete_project(name=name)
            # A new role is not known everywhere at once.
            elif "AssumeRole" not in str(error) or time.monotonic() > deadline:
                raise
            else:
                time.sleep(_PAUSE_SECONDS)
        else:
            return


def _buildspec(image: str) -> dict[str, Any]:
    registry = image.partition("/")[0]
    return {
        "version": 0.2,
        "phases": {
            "build": {
                "commands": [
                    "aws ecr get-login-password | docker login --username AWS "
                    f"--password-stdin {registry}",
                    "docker build --platform linux/amd64 --provenance=false "
                    f"-f serving/Dockerfile -t {image} .",
                    f"docker push {image}",
                ]
            }
        },
    }


def _make_role(site: Site, name: str, key: str) -> str:
    """Make the role of the build: it reads the source, pushes into one repository, and logs."""
    iam = site.client("iam")
    trust = _policy(
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "codebuild.amazonaws.com"},
        }
    )
    try:
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]
    except iam.exceptions.EntityAlreadyExistsException:  # of a run that was killed
        role = iam.get_role(RoleName=name)["Role"]
    partition = site.session.get_partition_for_region(site.region)
    place = f"{site.region}:{site.account}"
    allowed = {
        f"arn:{partition}:s3:::{site.bucket}/{key}": ["s3:GetObject", "s3:GetObjectVersion"],
        f"arn:{partition}:s3:::{site.bucket}": ["s3:ListBucket", "s3:GetBucketLocation"],
        f"arn:{partition}:ecr:{place}:repository/{site.repository}": [
            "ecr:BatchCheckLayerAvailability",
            "ecr:CompleteLayerUpload",
            "ecr:InitiateLayerUpload",
            "ecr:PutImage",
            "ecr:UploadLayerPart",
        ],
        f"arn:{partition}:logs:{place}:log-group:/aws/codebuild/{name}*": [
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
        ],
        "*": ["ecr:GetAuthorizationToken"],  # it has no resource of its own
    }
    statements = (
        {"Effect": "Allow", "Action": actions, "Resource": resource}
        for resource, actions in allowed.items()
    )
    iam.put_role_policy(RoleName=name, PolicyName="build", PolicyDocument=_policy(*statements))
    return str(role["Arn"])


def _remove_role(site: Site, name: str) -> None:
    iam = site.client("iam")
    try:
        iam.delete_role_policy(RoleName=name, PolicyName="build")
        iam.delete_role(RoleName=name)
    except iam.exceptions.NoSuchEntityException:
        pass


def _policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _archive(root: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in _files(root):
            archive.write(file, file.relative_to(root))
    return packed.getvalue()


def _must(command: list[str], folder: Path | None = None, stdin: str | None = None) -> None:
    done = _runs(command, folder, stdin)
    if done.returncode:
        shown = "\n".join(done.stdout.strip().splitlines()[-_LINES_SHOWN:])
        raise Failure(
            f"{shown}\n{' '.join(command[:2])} failed; with --codebuild AWS builds the image."
        )


def _runs(
    command: list[str], folder: Path | None = None, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        input=stdin if stdin is not None else "",
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
