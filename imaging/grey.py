"""The type of a film once it is read."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Grey: TypeAlias = NDArray[np.uint8]  # grey levels 0..255, [height, width], upright
