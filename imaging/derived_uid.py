"""Derived UIDs, which replace a hospital's own UIDs where those must not leave it."""

import hashlib
import hmac
from uuid import UUID

METHOD = "CXR Alert: allow list"  # DeidentificationMethod of copies with such UIDs
_UUID_BYTES = 16


def derived_uid(key: bytes, uid: str) -> str:
    """Return the UID that replaces one of the hospital's: always the same under one key.

    Without the key, nobody can find out whether it replaces a UID that they know.
    """
    digest = hmac.digest(key, f"uid\0{uid}".encode(), hashlib.sha256)
    return f"2.25.{UUID(bytes=digest[:_UUID_BYTES], version=5).int}"  # PS3.5, B.2
