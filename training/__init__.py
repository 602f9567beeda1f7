"""From a labelled folder of chest X-rays to a network that `serving` loads.

A live endpoint is asked by the function's own module, so its bundle is on the path.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "functions"))
