"""Films between sender and bucket: on disk with a bound, never in memory."""

import fcntl
import hashlib
import os
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO

LARGEST_FILM = 64 * 2**20  # bytes, the application's own limit
FOLDER = "cxr-alert-receive"
_SUFFIX = ".dcm"
_BUFFER_BYTES = 2**18

OUT_OF_RESOURCES = 0xA700  # DICOM status; the sender tries again later
CANNOT_UNDERSTAND = 0xC000  # DICOM status; sending the same again will not help


class Refusal(Enum):
    """A refusal of a film: the status, and the reason in at most 64 characters."""

    TOO_LARGE = (CANNOT_UNDERSTAND, f"The film is larger than {LARGEST_FILM // 2**20} MB.")
    EMPTY = (CANNOT_UNDERSTAND, "The request has no film in it.")
    SPOOL_FULL = (OUT_OF_RESOURCES, "The spool is full. Send the film again later.")
    SPOOL_BROKEN = (OUT_OF_RESOURCES, "The spool can't be written. Send the film again.")
    S3_AWAY = (OUT_OF_RESOURCES, "S3 did not accept the film in time. Send the film again later.")
    FAILED = (OUT_OF_RESOURCES, "The receiver failed. Send the film again later.")
    BURNED_IN = (CANNOT_UNDERSTAND, "Its pixels may name the patient (BurnedInAnnotation YES).")
    OVERLAY = (CANNOT_UNDERSTAND, "An overlay among its pixels may name the patient.")
    UNREADABLE = (CANNOT_UNDERSTAND, "The file can't be read, so no copy of it can be made.")

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason


class SpoolRefused(Exception):
    """The spool can't be used; the message says why."""


@dataclass(frozen=True)
class Header:
    """The file's bytes before its data set, and the UID of the transfer syntax."""

    data: bytes
    transfer_syntax: str


class Spool:
    """The receiver's own folder below `parent`, which may hold other people's files."""

    def __init__(self, parent: Path, most_bytes: int) -> None:
        self.folder = parent / FOLDER
        self._left = most_bytes
        self._lock = threading.Lock()
        self._in_use: int | None = None

    def open(self) -> None:
        """Create and lock the folder, and remove what an earlier run left.

        Senders have it still.
        """
        parent = self.folder.parent
        try:
            parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o700, exist_ok=True)
            # O_NOFOLLOW: files behind a symbolic link are not ours to remove.
            self._in_use = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            os.fchmod(self._in_use, 0o700)
            fcntl.flock(self._in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for left in self.folder.glob(f"*{_SUFFIX}"):
                left.unlink()
            with _new_file(self.folder) as probe:
                Path(probe.name).unlink()
        except BlockingIOError:
            self.close()
            raise SpoolRefused(f"another receiver uses {parent}; give each its own") from None
        except OSError as error:
            self.close()
            raise SpoolRefused(f"{self.folder} can't be written: {error.strerror}") from None

    def close(self) -> None:
        if self._in_use is not None:
            os.close(self._in_use)
            self._in_use = None

    def reserve(self, size: int) -> bool:
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True

    def release(self, size: int) -> None:
        with self._lock:
            self._left += size


class IncomingFilm:
    """One data set, written fragment by fragment; beyond the bound, the rest is discarded.

    It replaces the temporary file of pynetdicom, so it has `file` and `flush`. `header` is called
    with the first fragment, when the header is known.
    """

    def __init__(self, spool: Spool, header: Callable[[], Header]) -> None:
        self.refusal: Refusal | None = None
        self.size = 0  # bytes of the file in the spool
        self.settled = False
        self._spool = spool
        self._header = header
        self._file: BinaryIO | None = None
        self._digest = hashlib.sha256()

    @property
    def file(self) -> "IncomingFilm":
        return self

    def flush(self) -> None:
        """Do nothing: only complete films are read."""

    def write(self, data: bytes) -> None:
        if self.refusal:
            return
        try:
            if self._file is None:
                header = self._header()
                self._file = _new_file(self._spool.folder)
                # Without the header, which names the version of a library.
                self._digest.update(header.transfer_syntax.encode() + b"\n")
                self._append(header.data)
            self._digest.update(data)
            self._append(data)
        except OSError:
            self._refuse(Refusal.SPOOL_BROKEN)

    def whole(self) -> Path | None:
        """Return the complete file, or None with a refusal."""
        if self._file is None:
            self.refusal = self.refusal or Refusal.EMPTY
            return None
        try:
            self._file.flush()
        except OSError:
            self._refuse(Refusal.SPOOL_BROKEN)
            return None
        return Path(self._file.name)

    def replace(self, data: bytes) -> Path:
        """Replace the film by other bytes, unless there is no room for them."""
        file = self.whole()
        if file is None or self._file is None:
            raise OSError
        if not self._spool.reserve(max(len(data) - self.size, 0)):
            raise OSError
        self.size = max(len(data), self.size)
        self._file.seek(0)
        self._file.truncate()
        self._file.write(data)
        self._file.flush()
        return file

    @property
    def digest(self) -> str:
        """Return the SHA-256 of transfer syntax and data set, equal for a repeated film."""
        return self._digest.hexdigest()

    def discard(self) -> None:
        """Remove the file; doing so twice does no harm."""
        self.settled = True
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.close()
        except OSError:
            pass  # the disk is full; the data is no longer needed
        finally:
            Path(file.name).unlink(missing_ok=True)
            self._spool.release(self.size)
            self.size = 0

    def _append(self, data: bytes) -> None:
        if self.size + len(data) > LARGEST_FILM:
            self._refuse(Refusal.TOO_LARGE)
        elif not self._spool.reserve(len(data)):
            self._refuse(Refusal.SPOOL_FULL)
        elif self._file is not None:
            self.size += len(data)
            self._file.write(data)

    def _refuse(self, refusal: Refusal) -> None:
        self.refusal = refusal
        self.discard()


def _new_file(folder: Path) -> BinaryIO:
    path = folder / f"{secrets.token_hex(8)}{_SUFFIX}"
    return open(
        path, "xb", _BUFFER_BYTES, opener=lambda name, flags: os.open(name, flags, mode=0o600)
    )
