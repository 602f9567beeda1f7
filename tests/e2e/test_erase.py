"""`cxr-alert erase` by a user who has the erasure policies and no other right."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from cxr_alert.local import environment, manual, processes
from screening.film_name import film_name
from screening.rendition import rendition_key
from tests.e2e.application import DICOM, POSITIVE, Application, wait_until
from worklist.tables.worklist_table import WorklistTable

PROGRAM = "import sys; from cxr_alert.program import main; sys.exit(main(sys.argv[1:]))"
NAME = "eraser"


@pytest.fixture
def eraser(application: Application) -> Iterator[dict[str, str]]:
    """The credentials of a user with the two policies."""
    iam: Any = application.stack.client("iam")
    arns = [application.stack.outputs[f"{part}ErasurePolicyArn"] for part in ("", "Worklist")]
    iam.create_user(UserName=NAME)
    for arn in arns:
        iam.attach_user_policy(UserName=NAME, PolicyArn=arn)
    key = iam.create_access_key(UserName=NAME)["AccessKey"]
    yield {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }
    for arn in arns:
        iam.detach_user_policy(UserName=NAME, PolicyArn=arn)
    iam.delete_access_key(UserName=NAME, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=NAME)


def run(application: Application, user: dict[str, str], *arguments: str) -> tuple[int, str]:
    stack = application.stack
    settings = {**environment.base(stack.settings.state), **manual.settings(stack), **user}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=processes.ROOT,
        env=settings,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_who_may_erase_films_erases_them_and_sees_none(
    application: Application, eraser: dict[str, str]
) -> None:
    key = "erase/film.dcm"
    version = application.drop(key, DICOM)
    application.record(key, alert="SENT")
    other = application.drop("erase/film.dcm.jpeg", POSITIVE)
    application.record("erase/film.dcm.jpeg", alert="SENT")
    outputs, s3 = application.stack.outputs, application.stack.s3
    dynamodb: Any = application.stack.client("dynamodb")
    entries = WorklistTable(dynamodb, outputs["WorklistTableName"])
    wait_until(lambda: entries.find(film_name(key, version)), "an entry in the worklist")

    status, said = run(application, eraser, "look-up", key)
    assert status == 0, said  # its records, which is how they are found
    status, said = run(application, eraser, "list", "positives")
    assert (status, "AccessDenied" in said) == (1, True)
    status, said = run(application, eraser, "erase", key, "--yes")
    assert status == 0, said
    for line in ("1  version", "2  renditions", "1  record", "1  entry in the worklist", "Erased."):
        assert line in said

    assert application.records(key) == []
    listed = s3.list_object_versions(Bucket=outputs["UploadsBucketName"], Prefix="erase/")
    assert [each["VersionId"] for each in listed["Versions"]] == [other]
    rendition = rendition_key(key, version)
    left = s3.list_objects_v2(Bucket=outputs["RenditionsBucketName"], Prefix=rendition)
    assert left["KeyCount"] == 0
    assert entries.find(film_name(key, version)) is None
    assert len(application.records("erase/film.dcm.jpeg")) == 1
    # Nothing brings it back: it is not in the bucket to be screened again.
    status, said = run(application, {}, "reconcile", "erase/")
    assert status == 0, said
    application.settle()
    assert application.records(key) == []
