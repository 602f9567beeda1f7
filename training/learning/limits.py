"""Where the gate says no: as strictly as the children's films that it may refuse allow."""

import numpy as np
from numpy.typing import NDArray

from serving.gate import KINDS

REFUSED = 0.004  # of children's chest films, rendered ones included; half of it as adults'

_CHEST, _ADULT = KINDS.index("chest"), KINDS.index("adult")


def limits(logits: NDArray[np.float64], refused: float = REFUSED) -> NDArray[np.float64]:
    """What to add to the logits of KINDS, given those of children's chest films [N, KINDS].

    Then the likeliest kind is another than a chest for about the share `refused` of those films:
    for half of them because it seems an adult's, for half because it seems no film for the network.
    """
    added = np.zeros(len(KINDS))
    strange = np.delete(logits, [_CHEST, _ADULT], axis=1).max(axis=1)
    added[_CHEST] = -np.quantile(logits[:, _CHEST] - strange, refused / 2)
    adult = logits[:, _CHEST] + added[_CHEST] - logits[:, _ADULT]
    added[_ADULT] = np.quantile(adult, refused / 2)
    return added
