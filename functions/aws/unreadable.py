"""Decide whether S3 refuses an object permanently, because of the object itself.

S3 never returns an archived object, or one encrypted with a key that the application can't use. But
S3's errors are much the same if the application's own role or key is broken, which affects every
film and can be repaired. So a refusal is final only if S3 names the object's storage class, or a
key that is not the application's; all others are retried. Refusals by a bucket policy are retried,
too, since the policy is the operator's: a malware scanner's policy denies every object until it is
scanned.
"""

import re
from collections.abc import Callable

from botocore.exceptions import ClientError

from screening.refusals import Code, Rejected

_KEY = re.compile(r"arn:[a-z-]+:kms:[^\s:]+:(\d+):key/([\w-]+)")
_CALLER = re.compile(r"arn:[a-z-]+:sts::(\d+):")
_BY_CUSTOMER = re.compile(r"form of server.side encryption|SSE-C", re.IGNORECASE)
# The key is disabled, deleted or scheduled for deletion. Other errors, e.g. throttling, pass.
_KEY_IS_OUT = {
    "KMS.DisabledException",
    "KMS.NotFoundException",
    "KMS.KMSInvalidStateException",
    "KMS.InvalidStateException",
}


def reason_in(
    error: ClientError, own_key: str, object_key: Callable[[], str | None]
) -> Rejected | None:
    """Return the rejection for an error of S3, or None if the read should be retried.

    `own_key` is the ARN of the application's key in KMS, or empty if it is unknown. `object_key`
    asks S3 for the key of the object; it returns None if S3 does not say, e.g. because the caller
    may not read objects.
    """
    code = error.response["Error"]["Code"]
    words = error.response["Error"].get("Message", "")
    if code == "InvalidObjectState":
        return Rejected(
            Code.ARCHIVED,
            "The file lies in an archive storage class, such as GLACIER, and can't be read. Drop "
            "it again with the storage class STANDARD; an archived one must be restored first.",
        )
    if code == "InvalidRequest" and _BY_CUSTOMER.search(words):
        return Rejected(
            Code.ENCRYPTED,
            "The file is encrypted with a key that only its sender has (SSE-C), and can't be read. "
            "Drop it again without a key of your own.",
        )
    if code != "AccessDenied" and code not in _KEY_IS_OUT:
        return None
    named = _KEY.search(words)
    key = named[2] if named else _key_id(object_key())
    if key is None or key == _key_id(own_key):
        return None
    caller = _CALLER.search(words)
    if not own_key and named and caller and caller[1] == named[1]:
        return None  # a key of this account, and the application's own key is unknown
    return Rejected(
        Code.ENCRYPTED,
        "The file is encrypted with a key of AWS KMS that this application can't use, and can't be "
        "read. Drop it again without naming a key, so that the bucket's own is used.",
    )


def _key_id(key: str | None) -> str | None:
    """Return the id in a key's ARN, or None for an alias, which may refer to any key."""
    if not key or "alias/" in key:
        return None
    return key.rpartition("/")[2]
