"""The gate's limits: as strict as the allowed rejections of children's films permit."""

import numpy as np
from numpy.typing import NDArray

from serving.gate import KINDS

REFUSED = 0.004  # share of children's chest films, also rendered ones; half of it as adults

_CHEST, _ADULT = KINDS.index("chest"), KINDS.index("adult")


def limits(logits: NDArray[np.float64], refused: float = REFUSED) -> NDArray[np.float64]:
    """Return offsets for the logits of KINDS, given those of children's chest films [N, KINDS].

    With them, the likeliest kind is not a child's chest for about the share `refused` of those
    films: for half of them an adult's chest, for half another kind.
    """
    added = np.zeros(len(KINDS))
    strange = np.delete(logits, [_CHEST, _ADULT], axis=1).max(axis=1)
    added[_CHEST] = -np.quantile(logits[:, _CHEST] - strange, refused / 2)
    adult = logits[:, _CHEST] + added[_CHEST] - logits[:, _ADULT]
    added[_ADULT] = np.quantile(adult, refused / 2)
    return added
