"""Each path reports a film that can't be shown, with the reason."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.integration.test_worklist_table import REGION
from worklist.tables.pictures import FilmGone, Pictures


@pytest.fixture
def s3(aws_environment: None) -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name=REGION)
        client.create_bucket(Bucket="uploads")
        client.put_bucket_versioning(
            Bucket="uploads", VersioningConfiguration={"Status": "Enabled"}
        )
        yield client


def drop(s3: Any, body: bytes) -> str:
    version: str = s3.put_object(Bucket="uploads", Key="a.jpeg", Body=body)["VersionId"]
    return version


def test_an_empty_film_is_reported_as_empty(s3: Any) -> None:
    version = drop(s3, b"")
    with pytest.raises(FilmGone, match="is empty"):
        Pictures(s3).piece("uploads", "a.jpeg", version, 0)
    with pytest.raises(FilmGone, match="is empty"):
        Pictures(s3).must_be_there("uploads", "a.jpeg", version)


def test_a_deleted_film_is_reported_as_deleted(s3: Any) -> None:
    version = drop(s3, b"film")
    Pictures(s3).must_be_there("uploads", "a.jpeg", version)
    s3.delete_object(Bucket="uploads", Key="a.jpeg", VersionId=version)
    with pytest.raises(FilmGone, match="was deleted"):
        Pictures(s3).piece("uploads", "a.jpeg", version, 0)
    with pytest.raises(FilmGone, match="was deleted"):
        Pictures(s3).must_be_there("uploads", "a.jpeg", version)


def test_a_film_without_versions_is_the_one_of_its_etag(s3: Any) -> None:
    drop(s3, b"film")
    etag = s3.head_object(Bucket="uploads", Key="a.jpeg")["ETag"].strip('"')
    Pictures(s3).must_be_there("uploads", "a.jpeg", f"{etag}#1")
    with pytest.raises(FilmGone, match="replaced"):
        Pictures(s3).must_be_there("uploads", "a.jpeg", "0123#1")
