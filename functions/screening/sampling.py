"""The draw of films for blinded readings. Pure.

Reviews of positives show how often an alert is right, but not which films were missed. So some
negatives are drawn for review as well, each with a recorded chance, more of them near the cutoff,
where misses are likelier. A hidden score must not reveal a negative, so some positives hide theirs
too, in the worklist and in mails; they are read as early as other positives.
"""

import hashlib
from decimal import Decimal

POSITIVES_HIDDEN = Decimal("0.1")
NEAR = 9  # just below the cutoff the chance is 1 + NEAR times that of a film without any sign


def chance(probability: Decimal, cutoff: Decimal, share: Decimal) -> Decimal:
    """Return the chance that a film is drawn; `share` is the chance of a clear negative.

    The chance of a positive depends only on whether films are drawn at all, so that the sender of
    mails need not know the share.
    """
    if probability >= cutoff:
        return POSITIVES_HIDDEN if share else Decimal(0)
    drawn = share * (1 + NEAR * probability / cutoff)
    return min(Decimal(1), drawn).quantize(Decimal("0.000001"))


def drawn(film: str, chance: Decimal) -> bool:
    """Whether a film is drawn: the same each time it is asked, and even over films."""
    digest = hashlib.sha256(f"drawn {film}".encode()).digest()
    return int.from_bytes(digest[:8]) < chance * 2**64
