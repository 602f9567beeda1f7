"""Memory for training on a CPU."""

import ctypes

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # from glibc's malloc.h
_NEVER = 2**31 - 1
_ROOM = 64 * 2**20  # bytes


def keep_freed_memory() -> None:
    """Keep freed blocks for the next batch.

    By default glibc returns large blocks to the system at once. The system then fills each new
    block with zeros, which takes up to two fifths of the time of a training step.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, _NEVER)
        libc.mallopt(_M_TOP_PAD, _ROOM)
