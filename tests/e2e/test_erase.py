"""`cxr-alert erase` by a user who has the erasure policies and no other right."""

from collections.abc import Iterator
from typing import Any

import pytest

from screening.film_name import film_name
from screening.rendition import rendition_key
from tests.e2e.application import DICOM, POSITIVE, Application, wait_until
from worklist.tables.worklist_table import WorklistTable

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
    done = application.typed(*arguments, **user)
    return done.returncode, done.stdout + done.stderr


def test_a_user_with_the_erasure_policies_can_erase_films_and_read_none(
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
    assert status == 0, said  # its records, by which the rest is found
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
    # Nothing restores it: it is not in the bucket, so it is not screened again.
    status, said = run(application, {}, "reconcile", "erase/")
    assert status == 0, said
    application.settle()
    assert application.records(key) == []
