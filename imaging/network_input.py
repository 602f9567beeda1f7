"""Grey levels as the network takes them. Training and serving both call this."""

import numpy as np
from PIL import Image

from imaging.grey import Grey


def network_input(grey: Grey, size: int) -> Grey:
    """Grey levels uint8 [height, width] -> uint8 [size, size]: stretched, antialiased bilinear."""
    film = Image.fromarray(grey).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(film)
