"""Whether S3 refuses an object for good, for the object's own sake.

An archived object, and one under a key that the application can't use, are never handed out,
however often they are asked for. But S3 refuses in much the same words when the application's own
role or key is broken, which concerns every film and heals. So a refusal is final only if S3 names
the object's storage class, or a key that is not the application's; all others are tried again. A
bucket policy that denies reading is the operator's, and is tried again, too: that of a malware
scanner, for one, denies every object until it is scanned.
"""

import re
from collections.abc import Callable

from botocore.exceptions import ClientError

from screening.refusals import Code, Rejected

_KEY = re.compile(r"arn:[a-z-]+:kms:[^\s:]+:(\d+):key/([\w-]+)")
_CALLER = re.compile(r"arn:[a-z-]+:sts::(\d+):")
_BY_CUSTOMER = re.compile(r"form of server.side encryption|SSE-C", re.IGNORECASE)
# The key is disabled, deleted, or about to be. Others, such as throttling, pass.
_KEY_IS_OUT = {
    "KMS.DisabledException",
    "KMS.NotFoundException",
    "KMS.KMSInvalidStateException",
    "KMS.InvalidStateException",
}


def reason_in(
    error: ClientError, own_key: str, object_key: Callable[[], str | None]
) -> Rejected | None:
    """Return the rejection that S3's refusal to hand out an object amounts to, if it is one.

    `own_key` is the ARN of the application's key in KMS, or empty if that is not known.
    `object_key` asks S3 for that of the object: None where S3 does not tell, as for a caller who
    may read no object at all.
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
        return None  # a key of the same account, and nobody said that it is not the application's
    return Rejected(
        Code.ENCRYPTED,
        "The file is encrypted with a key of AWS KMS that this application can't use, and can't be "
        "read. Drop it again without naming a key, so that the bucket's own is used.",
    )


def _key_id(key: str | None) -> str | None:
    """Return the id in a key's ARN; None for an alias, which may stand for any key."""
    if not key or "alias/" in key:
        return None
    return key.rpartition("/")[2]
