"""Which films are to be read without their score. Pure.

What readers say of positives tells how often an alert is right, never what was missed. So some
negatives are drawn to be read as well, each with a recorded chance, more near the cutoff, where
misses are likelier. So that nobody knows a film for a negative by its missing score, some positives
hide theirs too, in the worklist and in mails alike; those are read no later for it.
"""

import hashlib
from decimal import Decimal

POSITIVES_HIDDEN = Decimal("0.1")
NEAR = 9  # just below the cutoff the chance is 1 + NEAR times that of a film without any sign


def chance(probability: Decimal, cutoff: Decimal, share: Decimal) -> Decimal:
    """Return the chance with which a film is drawn; `share` is a negative's without any sign.

    A positive's depends on no more than whether films are drawn at all, so that whoever sends mails
    need not know the share.
    """
    if probability >= cutoff:
        return POSITIVES_HIDDEN if share else Decimal(0)
    drawn = share * (1 + NEAR * probability / cutoff)
    return min(Decimal(1), drawn).quantize(Decimal("0.000001"))


def drawn(film: str, chance: Decimal) -> bool:
    """Whether a film is drawn: the same each time it is asked, and even over films."""
    digest = hashlib.sha256(f"drawn {film}".encode()).digest()
    return int.from_bytes(digest[:8]) < chance * 2**64
