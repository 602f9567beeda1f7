"""Files with patients' data: readable by their owner only."""

import os
from pathlib import Path

FILE_MODE = 0o600
FOLDER_MODE = 0o700


def write_private(path: Path, data: bytes) -> None:
    """Write `data` to `path`, replacing an existing file, with permissions for the owner only."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE), "wb") as file:
        os.fchmod(file.fileno(), FILE_MODE)  # of an existing file
        file.write(data)
