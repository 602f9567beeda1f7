"""The identity file: one encrypted file on site with the patient of each film.

It is an SQLite file with a row for each received version of a film. A row is found by the object's
key, a digest and the study's derived UID, which identify nobody without the key. The rest, the part
of the film's header that names the patient, is encrypted by Fernet. The key is in a separate file,
which only its owner may read.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from imaging.derived_uid import derived_uid

_KEY_BYTES = 32
_BUSY_SECONDS = 10.0
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS identities (key TEXT, digest TEXT, study TEXT, sealed BLOB, "
    "PRIMARY KEY (key, digest)) WITHOUT ROWID"
)
_BY_STUDY = "CREATE INDEX IF NOT EXISTS by_study ON identities (study)"
_CHECK = "a key of its own"  # encrypted under no film's name, to reveal a wrong key file


class IdentitiesRefused(Exception):
    """The file or its key can't be used; the message says which, and what to do."""


@dataclass(frozen=True)
class Identities:
    """The identities; made by `open_identities`. Thread-safe: each call has its own connection."""

    file: Path
    uid_key: bytes
    _fernet: Fernet

    def derived(self, uid: str) -> str:
        """Return the UID that replaces one of the hospital's in the bucket."""
        return derived_uid(self.uid_key, uid)

    def derived_digest(self, digest: str) -> str:
        """Return a substitute for a film's digest: the digest itself could confirm a guess."""
        return hmac.digest(self.uid_key, f"digest\0{digest}".encode(), hashlib.sha256).hex()

    def put(self, key: str, digest: str, study: str, identity: bytes) -> None:
        """Store the identity of a version; `digest` and `study` are the derived ones."""
        sealed = self._sealed(key, digest, identity)
        with self._connected() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO identities VALUES (?, ?, ?, ?)",
                (key, digest, study, sealed),
            )

    def find(self, key: str, digest: str) -> bytes | None:
        """Return the identity of a version, or None if there is none or it was tampered with."""
        with self._connected() as connection:
            row = connection.execute(
                "SELECT sealed FROM identities WHERE key = ? AND digest = ?", (key, digest)
            ).fetchone()
        return self._opened(key, digest, row[0]) if row else None

    def of_film(self, key: str) -> list[bytes]:
        """Return the identities of a film's versions, without duplicates."""
        with self._connected() as connection:
            rows = connection.execute(
                "SELECT digest, sealed FROM identities WHERE key = ?", (key,)
            ).fetchall()
        opened = (self._opened(key, digest, sealed) for digest, sealed in rows)
        return sorted({each for each in opened if each is not None})

    def keys_of_study(self, uid: str) -> list[str]:
        """Return the object keys of the films of a study, by the hospital's study UID."""
        with self._connected() as connection:
            rows = connection.execute(
                "SELECT DISTINCT key FROM identities WHERE study = ? ORDER BY key",
                (self.derived(uid),),
            ).fetchall()
        return [key for (key,) in rows]

    def count(self, key: str) -> int:
        """Return how many versions of a film have an identity here."""
        with self._connected() as connection:
            (count,) = connection.execute(
                "SELECT count(*) FROM identities WHERE key = ?", (key,)
            ).fetchone()
        return int(count)

    def erase(self, key: str) -> None:
        """Erase the identities of a film, and overwrite their place in the file."""
        with self._connected() as connection:
            connection.execute("DELETE FROM identities WHERE key = ?", (key,))

    def _sealed(self, key: str, digest: str, identity: bytes) -> bytes:
        # The name is inside, so that no row can replace another one.
        whole = json.dumps([key, digest]).encode() + b"\n" + identity
        return self._fernet.encrypt(whole)

    def _opened(self, key: str, digest: str, sealed: bytes) -> bytes | None:
        try:
            name, _, identity = self._fernet.decrypt(sealed).partition(b"\n")
        except (InvalidToken, TypeError):
            return None
        return identity if name == json.dumps([key, digest]).encode() else None

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.file, timeout=_BUSY_SECONDS)
        try:
            connection.execute("PRAGMA secure_delete = ON")
            with connection:  # commits, or rolls back
                yield connection
        finally:
            connection.close()

    def _check(self) -> None:
        """Create the table in a new file; raise IdentitiesRefused if the key is wrong."""
        with self._connected() as connection:
            connection.execute(_SCHEMA)
            connection.execute(_BY_STUDY)
        if self.find(_CHECK, "") is not None:
            return
        with self._connected() as connection:
            (rows,) = connection.execute("SELECT count(*) FROM identities").fetchone()
        if rows:
            raise IdentitiesRefused(
                f"The key is not the one that {self.file} was encrypted with. Name the right one, "
                "or its copy."
            )
        self.put(_CHECK, "", "", b"")


def key_file_of(file: Path, key_file: Path | None) -> Path:
    """Return the default path of the key."""
    return key_file or file.with_name(f"{file.name}.key")


def open_identities(file: Path, key_file: Path | None, *, make: bool) -> Identities:
    """Open the identity file; with `make`, create file and key if neither exists.

    Raises IdentitiesRefused.
    """
    where = key_file_of(file, key_file)
    try:
        if make and not where.exists() and not file.exists():
            _make_key(where)
        secret = _read_key(where, file)
        if not file.exists() and not make:
            raise IdentitiesRefused(
                f"There is no {file}. `cxr-alert receive --keep-identity` makes it."
            )
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, mode=0o600))
        _check_private(file)
    except OSError as error:
        raise IdentitiesRefused(f"{error.filename} can't be used: {error.strerror}.") from None
    seal = base64.urlsafe_b64encode(_derived_key(secret, b"seal"))
    made = Identities(file, _derived_key(secret, b"uids"), Fernet(seal))
    try:
        made._check()
    except sqlite3.Error as error:
        raise IdentitiesRefused(f"{file} can't be used as an identity file: {error}.") from None
    return made


def _make_key(where: Path) -> None:
    with open(where, "xb", opener=lambda name, flags: os.open(name, flags, mode=0o600)) as made:
        made.write(base64.urlsafe_b64encode(os.urandom(_KEY_BYTES)) + b"\n")


def _read_key(where: Path, file: Path) -> bytes:
    if not where.exists():
        raise IdentitiesRefused(
            f"The key {where} of {file} is missing. Put its copy back: without it the "
            "identities can't be read."
        )
    _check_private(where)
    try:
        secret = base64.urlsafe_b64decode(where.read_bytes().strip())
    except ValueError:
        secret = b""
    if len(secret) != _KEY_BYTES:
        raise IdentitiesRefused(
            f"{where} is not a key: it must hold {_KEY_BYTES} random bytes in base64, as `receive` "
            "makes it."
        )
    return secret


def _check_private(file: Path) -> None:
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise IdentitiesRefused(
            f"Users other than its owner can read {file}. Type `chmod 600 {file}`."
        )


def _derived_key(secret: bytes, purpose: bytes) -> bytes:
    info = b"cxr-alert identities " + purpose
    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=info).derive(secret)
