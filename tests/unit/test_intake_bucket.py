"""Whether a film is uploaded: S3 honours conditions, ignores them, or refuses them."""

import itertools
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from intake.bucket import Bucket, BucketAway, BucketRefused, Film


def failure(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "with an address"}}, "PutObject")


class S3:
    """One bucket; `conditions` says how it treats them."""

    def __init__(self, conditions: str = "honoured", readable: bool = True) -> None:
        self.conditions = conditions
        self.readable = readable
        self.versions: list[dict[str, Any]] = []
        self.meanwhile: list[str] = []  # digests that somebody else puts before the next put

    def head_object(self, **asked: Any) -> dict[str, Any]:
        if not self.readable:
            raise failure("403")
        if not self.versions:
            raise failure("404")
        return self.versions[-1]

    def put_object(self, **asked: Any) -> None:
        if self.meanwhile:
            self._add(self.meanwhile.pop())
        if "IfNoneMatch" in asked or "IfMatch" in asked:
            if self.conditions == "refused":
                raise failure("NotImplemented")
            if self.conditions == "honoured":
                self._require(asked)
        if "ContentMD5" in asked and self.conditions == "ignored":
            raise failure("BadDigest")
        self._add(asked["Metadata"]["sha256"])

    def _add(self, digest: str) -> None:
        tag = f'"{len(self.versions)}"'
        self.versions.append({"Metadata": {"sha256": digest}, "ETag": tag})

    def _require(self, asked: dict[str, Any]) -> None:
        if asked.get("IfNoneMatch") and self.versions:
            raise failure("PreconditionFailed")
        if tag := asked.get("IfMatch"):
            if not self.versions:
                raise failure("NoSuchKey")
            if self.versions[-1]["ETag"] != tag:
                raise failure("PreconditionFailed")

    @property
    def digests(self) -> list[str]:
        return [each["Metadata"]["sha256"] for each in self.versions]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "film"
    path.write_bytes(b"film")
    return path


def bucket(s3: Any) -> Bucket:
    return Bucket(cast(Any, s3), "uploads", patience=1)


@pytest.mark.parametrize("conditions", ["honoured", "ignored", "refused"])
def test_a_repeated_film_is_uploaded_once_and_another_always(file: Path, conditions: str) -> None:
    s3 = S3(conditions)
    there = bucket(s3)
    there.check("")
    put = [there.store(Film(file, "key", digest)) for digest in "aabbac"]
    assert put == [True, False, True, False, True, True]
    assert s3.digests == ["a", "b", "a", "c"]


def test_refused_conditions_are_detected_even_without_a_check(file: Path) -> None:
    s3 = S3("refused")
    assert [bucket(s3).store(Film(file, "key", digest)) for digest in "aab"] == [True, False, True]


def test_a_film_that_cannot_be_compared_is_uploaded_again(file: Path) -> None:
    s3 = S3(readable=False)
    assert [bucket(s3).store(Film(file, "key", digest)) for digest in "ab"] == [True, True]


@pytest.mark.parametrize("others", ["b", "bc", "a"])
def test_a_film_is_uploaded_after_a_concurrent_different_one(file: Path, others: str) -> None:
    s3 = S3()
    bucket(s3).store(Film(file, "key", "first"))
    s3.meanwhile = [*others]
    assert bucket(s3).store(Film(file, "key", "a")) == ("a" not in others)
    assert s3.digests == ["first", *reversed(others), *("a" if "a" not in others else "")]


class Failing:
    def __init__(self, error: Exception) -> None:
        self.error = error
        self.tries = 0

    def put_object(self, **asked: Any) -> None:
        self.tries += 1
        raise self.error

    head_object = put_object


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (failure("NoSuchBucket"), "no bucket uploads"),
        (failure("AccessDenied"), "s3:PutObject and s3:GetObject on arn:aws:s3:::uploads/intake/"),
        (failure("PermanentRedirect"), "AWS_REGION"),
        (failure("InvalidAccessKeyId"), "build/local/aws.env"),
        (NoCredentialsError(), "AWS_PROFILE"),
    ],
)
def test_an_unusable_bucket_is_named_with_the_remedy(error: Exception, words: str) -> None:
    with pytest.raises(BucketRefused, match=words):
        bucket(Failing(error)).check("intake/")


@pytest.mark.parametrize(
    "error", [EndpointConnectionError(endpoint_url="http://secret"), failure("ServiceUnavailable")]
)
def test_an_outage_of_s3_is_not_a_usage_error_and_its_address_is_not_shown(
    error: Exception,
) -> None:
    with pytest.raises(BucketAway) as caught:
        bucket(Failing(error)).check("")
    assert "secret" not in str(caught.value)


def test_an_upload_is_given_up_after_the_time_limit(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count()
    monkeypatch.setattr("intake.bucket.time.monotonic", lambda: next(clock))
    monkeypatch.setattr("intake.bucket.time.sleep", lambda _: None)
    s3 = Failing(failure("SlowDown"))
    with pytest.raises(BucketAway, match="SlowDown"):
        Bucket(cast(Any, s3), "uploads", patience=20).store(Film(file, "key", "a"))
    assert 1 < s3.tries < 10
