"""Turn grey levels into the network's input, for training and serving alike."""

import numpy as np
from PIL import Image

from imaging.grey import Grey


def network_input(grey: Grey, size: int) -> Grey:
    """Resize uint8 [height, width] to uint8 [size, size]: stretched, antialiased bilinear."""
    film = Image.fromarray(grey).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(film)
