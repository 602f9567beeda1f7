"""Duplicate films: exact copies, and near copies by a perceptual hash."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

from imaging.grey import Grey

# Of 256 bits. A film saved again at another size, quality or exposure differs from itself in up to
# 24 bits; among the 5,232 published films, no two different ones differ in fewer than 38. The usual
# 64 bits are too few: chest films are similar, and thousands of pairs fall below any useful limit.
NEAR = 32

_THUMBNAIL = 64
_FREQUENCIES = 16


@dataclass(frozen=True)
class Fingerprint:
    """The basis of comparison: a digest of the grey levels, and a perceptual hash, uint64 [4]."""

    digest: bytes
    look: NDArray[np.uint64]


@dataclass(frozen=True)
class Pair:
    """Two films, by their indices in the list, and the number of differing bits of their hashes."""

    first: int
    second: int
    distance: int
    exact: bool


def fingerprint(grey: Grey) -> Fingerprint:
    """Return the fingerprint of grey levels uint8 [height, width]."""
    digest = hashlib.sha256(repr(grey.shape).encode())
    digest.update(grey.tobytes())
    return Fingerprint(digest.digest(), _perceptual_hash(grey))


def find_pairs(fingerprints: Sequence[Fingerprint]) -> list[Pair]:
    """Return all pairs with equal pixels, or hashes at most NEAR bits apart, closest first."""
    if not fingerprints:
        return []
    looks = np.stack([one.look for one in fingerprints])
    pairs = []
    for first in range(len(looks) - 1):
        distances = np.bitwise_count(looks[first] ^ looks[first + 1 :]).sum(axis=1)
        for after in np.flatnonzero(distances <= NEAR):
            second = first + 1 + int(after)
            exact = fingerprints[first].digest == fingerprints[second].digest
            pairs.append(Pair(first, second, int(distances[after]), exact))
    return sorted(pairs, key=lambda pair: (not pair.exact, pair.distance))


def _perceptual_hash(grey: Grey) -> NDArray[np.uint64]:
    """Return the pHash (Zauner, 2010) of 16 x 16 frequencies: which ones are above their median."""
    side = (_THUMBNAIL, _THUMBNAIL)
    thumbnail = Image.fromarray(grey).resize(side, Image.Resampling.BILINEAR)
    waves = dctn(np.asarray(thumbnail, dtype=np.float32))[:_FREQUENCIES, :_FREQUENCIES]
    return np.packbits(waves > np.median(waves)).view(np.uint64)
