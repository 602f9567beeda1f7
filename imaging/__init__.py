"""From the bytes of an image file to grey levels and to the input of the network.

The formats and their signatures are a rule of screening, so the functions' folder is on the path.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "functions"))
