"""The type of a decoded film."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Grey: TypeAlias = NDArray[np.uint8]  # grey levels 0..255, [height, width], upright
