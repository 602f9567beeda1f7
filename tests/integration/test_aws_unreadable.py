"""Unreadable objects are distinguished from a broken application."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from aws.uploads_bucket import Films
from screening.refusals import Code, Rejected, TryAgain
from screening.upload import Upload, read_upload
from tests.integration.classify_cloud import JPEG, KEY, REGION, Cloud

ACCOUNT = "123456789012"
FOREIGN = "arn:aws:kms:us-east-1:999999999999:key/77777777-foreign"
UPLOAD = Upload("Jane.jpeg", "v1", "uploads", "v1", "e1", 100, "2026-11-22T10:15:30.000Z")
ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/classify/classify"


def not_authorized(key: str) -> str:
    return (
        f"User: {ROLE} is not authorized to perform: kms:Decrypt on resource: {key} because no "
        "resource-based policy allows the kms:Decrypt action"
    )


CIPHERTEXT = (
    "The ciphertext refers to a customer master key that does not exist, does not exist in this "
    "region, or you are not allowed to access."
)
SSE_C = (
    "The object was stored using a form of Server Side Encryption. The correct parameters must be "
    "provided to retrieve the object."
)


@pytest.fixture
def client(aws_environment: None) -> Iterator[Any]:
    client = boto3.client("s3", region_name=REGION)
    yield client
    client.close()


@pytest.fixture
def films(client: Any) -> Films:
    return Films(client, "renditions", KEY)


@pytest.fixture
def stub(client: Any) -> Iterator[Stubber]:
    with Stubber(client) as stub:
        yield stub


def refused(stub: Stubber, films: Films, status: int, code: str, words: str) -> Exception:
    stub.add_client_error("get_object", code, words, status)
    with pytest.raises((Rejected, TryAgain)) as raised:
        films.read(UPLOAD)
    assert "Jane" not in str(raised.value)
    return raised.value


@pytest.mark.parametrize(
    ("status", "error", "words", "code"),
    [
        (403, "InvalidObjectState", "not valid for the object's storage class", Code.ARCHIVED),
        (403, "InvalidObjectState", "not valid for the object's access tier", Code.ARCHIVED),
        (400, "InvalidRequest", SSE_C, Code.ENCRYPTED),
        (403, "AccessDenied", not_authorized(FOREIGN), Code.ENCRYPTED),
        (400, "KMS.DisabledException", f"{FOREIGN} is disabled.", Code.ENCRYPTED),
        (400, "KMS.NotFoundException", f"Key '{FOREIGN}' does not exist", Code.ENCRYPTED),
        (400, "KMS.KMSInvalidStateException", f"{FOREIGN} is pending deletion.", Code.ENCRYPTED),
    ],
)
def test_a_refusal_due_to_the_objects_own_state_is_a_reject(
    stub: Stubber, films: Films, status: int, error: str, words: str, code: Code
) -> None:
    rejection = refused(stub, films, status, error, words)
    assert isinstance(rejection, Rejected)
    assert rejection.code == code
    assert "Drop it again" in str(rejection)


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (403, "AccessDenied", not_authorized(KEY)),
        (400, "KMS.DisabledException", f"{KEY} is disabled."),
        (400, "KMS.NotFoundException", f"Key '{KEY}' does not exist"),
        (400, "KMS.KMSInvalidStateException", f"{KEY} is pending deletion."),
        (400, "KMS.ThrottlingException", f"Rate exceeded for {FOREIGN}"),
        (500, "KMS.KMSInternalException", f"{FOREIGN}"),
        (400, "InvalidRequest", "Missing required header for this request: x-amz-security-token"),
    ],
)
def test_if_the_applications_own_key_or_role_is_broken_films_wait(
    stub: Stubber, films: Films, status: int, error: str, words: str
) -> None:
    assert isinstance(refused(stub, films, status, error, words), TryAgain)


@pytest.mark.parametrize(("key", "final"), [(KEY, False), (FOREIGN, True)])
def test_if_the_bucket_key_is_unknown_any_key_of_the_account_is_accepted(
    stub: Stubber, client: Any, key: str, final: bool
) -> None:
    stub.add_client_error("get_object", "AccessDenied", not_authorized(key), 403)
    with pytest.raises(Rejected if final else TryAgain):
        Films(client, "renditions").read(UPLOAD)


DENIED = [CIPHERTEXT, "Access Denied"]


@pytest.mark.parametrize("words", DENIED)
def test_a_key_that_the_refusal_does_not_name_is_asked_for(
    stub: Stubber, films: Films, words: str
) -> None:
    stub.add_client_error("get_object", "AccessDenied", words, 403)
    stub.add_response("head_object", {"SSEKMSKeyId": FOREIGN})
    with pytest.raises(Rejected, match="can't use"):
        films.read(UPLOAD)


@pytest.mark.parametrize("words", DENIED)
@pytest.mark.parametrize(
    "head", [{"SSEKMSKeyId": KEY}, {"SSEKMSKeyId": KEY.rpartition("/")[2]}, {}, None]
)
def test_no_film_is_rejected_because_the_role_lost_a_permission(
    stub: Stubber, films: Films, words: str, head: dict[str, Any] | None
) -> None:
    """S3 does not tell the key to a caller who may not read any object."""
    stub.add_client_error("get_object", "AccessDenied", words, 403)
    if head is None:
        stub.add_client_error("head_object", "403", "Forbidden", 403)
    else:
        stub.add_response("head_object", head)
    with pytest.raises(TryAgain, match="AccessDenied"):
        films.read(UPLOAD)


def test_an_alias_may_stand_for_any_key(stub: Stubber, films: Films) -> None:
    stub.add_client_error("get_object", "AccessDenied", CIPHERTEXT, 403)
    alias = f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/films"
    stub.add_response("head_object", {"SSEKMSKeyId": alias})
    with pytest.raises(TryAgain):
        films.read(UPLOAD)


@pytest.mark.parametrize("storage", ["GLACIER", "DEEP_ARCHIVE"])
def test_an_archived_object_is_rejected_and_a_restored_one_read(cloud: Cloud, storage: Any) -> None:
    put = cloud.s3.put_object(Bucket=cloud.bucket, Key="Jane.jpeg", Body=JPEG, StorageClass=storage)
    version = put["VersionId"]
    upload = replace(UPLOAD, version=version, version_id=version, size=len(JPEG))
    films = Films(cloud.s3, cloud.renditions_bucket, KEY)
    with pytest.raises(Rejected, match="archive storage class"):
        films.read(upload)
    message = cloud.drop("Jane.jpeg")
    restored = read_upload(message["body"])
    assert restored
    assert films.read(restored) == JPEG
